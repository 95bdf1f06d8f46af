import type { ContainerState, ContainerStatus, Pod } from '#kube/objects.js';

/** Why a container does not run, in its kubelet's words. */
export interface WaitingReason {
  readonly container: string;
  /** Kubernetes' word for it, such as ImagePullBackOff. */
  readonly reason: string;
  readonly message: string;
}

/** Waiting for these does not end by itself in a moment. */
const waitingReasons: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImageInspectError',
  'ImagePullBackOff',
  'InvalidImageName',
  'RunContainerError',
]);

function statusesOf(pod: Pod): readonly ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}

/** What keeps a pod from running; undefined when nothing is known to. */
export function waitingReasonOf(pod: Pod): WaitingReason | undefined {
  for (const { name, state, lastState } of statusesOf(pod)) {
    const { reason, message = '' } = state?.waiting ?? {};
    if (reason === undefined || !waitingReasons.has(reason)) continue;
    const said = lastWords(state?.terminated ?? lastState?.terminated) ?? message;
    return { container: name, reason, message: said.slice(0, 300) };
  }
  return undefined;
}

/** The last line that a program wrote before it ended in error, where its pod has the kubelet keep it. */
function lastWords(terminated: ContainerState['terminated']): string | undefined {
  if (terminated === undefined || terminated.exitCode === 0) return undefined;
  return (terminated.message ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .at(-1);
}

/** The reason as a part of a sentence, with a space before it; empty without one. */
export function waitingReasonText(waitingReason: WaitingReason | undefined): string {
  if (waitingReason === undefined) return '';
  const { container, reason, message } = waitingReason;
  return ` Container ${container} waits: ${reason}${message === '' ? '' : ` (${message})`}.`;
}

function neverStarted(status: ContainerStatus | undefined): boolean {
  if (status?.state?.waiting === undefined) return false;
  const { state, lastState, restartCount = 0, started } = status;
  const ran = state.running ?? state.terminated ?? lastState?.running ?? lastState?.terminated;
  return ran === undefined && restartCount === 0 && started !== true;
}

/**
 * True when it is certain that no container of the pod that could hold a session has ever run: no node has the pod, or
 * its kubelet says of every container and native sidecar that it waits and never did anything else. Ordinary init
 * containers come before all of these and hold nothing. A container that its kubelet does not speak of is not known.
 */
export function hasNeverRun(pod: Pod): boolean {
  const { spec, status } = pod;
  if (status?.phase !== 'Pending' || spec?.containers === undefined) return false;
  if (spec.nodeName === undefined || spec.nodeName === '') return true;
  const known = new Map(statusesOf(pod).map((container) => [container.name, container]));
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const holders = [...sidecars, ...spec.containers];
  return holders.length > 0 && holders.every(({ name }) => neverStarted(known.get(name)));
}
