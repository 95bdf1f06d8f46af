import { pods } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import { panelRestarts } from '../api/panel-restart.js';
import { referenceTo } from '../api/references.js';
import type { RestartEvent } from '../api/restart-event.js';
import type { AuditDecision, AuditDetails } from '../report/audit.js';
import type { ActionContext, ActionTools } from './action-tools.js';

/** What was done with a pod. */
export interface Done {
  readonly pod: Pod;
  readonly decision: AuditDecision;
  /** More than the pod and its node, for the audit. @default none */
  readonly details?: AuditDetails;
  /** What people are told; not set where they need not be. */
  readonly event: RestartEvent | undefined;
}

/** Says what was done with a pod: in the audit, and as an event at the restart, or at what the action is about. */
export function tellDone(
  { audit, recorder }: ActionTools,
  { restart, regarding = referenceTo(panelRestarts, restart) }: ActionContext,
  { pod, decision, details, event }: Done,
): void {
  audit.decided(restart, decision, { pod: pod.metadata.name, node: pod.spec?.nodeName, ...details });
  if (event !== undefined) recorder.record(regarding, event, referenceTo(pods, pod));
}
