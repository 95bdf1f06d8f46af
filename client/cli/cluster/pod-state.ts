/** Of the status of a pod, how it stands. */
export interface PodConditions {
  readonly phase?: string | undefined;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[] | undefined;
}

/** The state of a pod as kubectl shows it: the phase, or Terminating. */
export function podStateText(
  metadata: { readonly deletionTimestamp?: string | undefined },
  status: PodConditions | undefined,
): string {
  return metadata.deletionTimestamp === undefined ? (status?.phase ?? 'Pending') : 'Terminating';
}

/** True for a pod with the condition Ready. */
export function podIsReady(status: PodConditions | undefined): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}
