import type { AuditEvent } from '#test/e2e/support/audit-log.js';

/** A write of the controller that the API server accepted. */
export interface ControllerWrite {
  /** For example `patch panelrestarts/status Running: Draining`. */
  readonly kind: string;
  /** Pod of the process that wrote. */
  readonly pod: string;
  readonly podUid: string;
}

type Extra = Readonly<Record<string, readonly string[]>> | undefined;

interface StatusSeen {
  readonly phase?: string;
  readonly active?: readonly { readonly step: string; readonly receipt?: unknown }[];
}

/** Name of the service account, of the lease and of the Deployment of the controller. */
export const controllerName = 'panelet-controller';

const writing = new Set(['create', 'update', 'patch', 'delete']);
// Being elected, telling, and asking decide nothing about a pod.
const besides = new Set(['leases', 'events', 'tokenreviews', 'subjectaccessreviews']);

function detailOf({ objectRef, responseObject }: AuditEvent): string {
  if (objectRef?.resource !== 'panelrestarts' || objectRef.subresource !== 'status') return '';
  const { phase = '', active = [] } = (responseObject as { status?: StatusSeen } | undefined)?.status ?? {};
  const steps = active.map(({ step, receipt }) => `${step}${receipt === undefined ? '' : '+receipt'}`);
  return ` ${phase}${steps.length === 0 ? '' : `: ${steps.sort().join(', ')}`}`;
}

/** What an event says about a write of the controller; undefined when it is something else, or was refused. */
export function controllerWriteOf(event: AuditEvent, namespace: string): ControllerWrite | undefined {
  const { user, verb, objectRef, responseStatus } = event;
  if (user.username !== `system:serviceaccount:${namespace}:${controllerName}`) return undefined;
  if (objectRef === undefined || !writing.has(verb) || besides.has(objectRef.resource)) return undefined;
  if ((responseStatus?.code ?? 500) >= 300) return undefined;
  const { extra } = user as typeof user & { readonly extra?: Extra };
  const { resource, subresource } = objectRef;
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  return {
    kind: `${verb} ${what}${detailOf(event)}`,
    pod: extra?.['authentication.kubernetes.io/pod-name']?.[0] ?? '',
    podUid: extra?.['authentication.kubernetes.io/pod-uid']?.[0] ?? '',
  };
}
