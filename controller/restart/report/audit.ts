import type { Log } from '#common/log.js';

import type { DaemonSet } from '#kube/objects.js';
import { requestedByAnnotation } from '../api/annotations.js';
import type { PanelRestart } from '../api/panel-restart.js';

/** What was decided about a restart or a pod of it. */
export type AuditDecision =
  | 'requested'
  | 'refused'
  | 'started'
  | 'claimed'
  | 'detached'
  | 'putBack'
  | 'retired'
  | 'forced'
  | 'killed'
  | 'released'
  | 'superseded'
  | 'aborted'
  | 'failed'
  | 'succeeded';

/** Particulars of a decision: names and numbers, never a token or anything of a session. */
export type AuditDetails = Readonly<Record<string, unknown>>;

/** One structured line in the log for every decision: who asked, why, and what was decided. */
export interface RestartAudit {
  /** A request of a target was taken up as this restart. */
  requested(restart: PanelRestart): void;
  /** A request of a target was refused; said again only when the message is another. */
  refused(target: DaemonSet, message: string): void;
  decided(restart: PanelRestart, decision: AuditDecision, details?: AuditDetails): void;
}

/** Refusals that are remembered, so that each is said once. */
const maxRemembered = 1_000;

/** An audit in the log; its lines have `audit: true`. */
export function createAudit(log: Log): RestartAudit {
  const said = new Map<string, string>();
  const decided: RestartAudit['decided'] = (restart, decision, details = {}) => {
    const { namespace, name, annotations } = restart.metadata;
    const requestedBy = annotations?.[requestedByAnnotation];
    const line = {
      audit: true,
      decision,
      restart: { namespace, name },
      target: restart.spec.targetRef.name,
      ...(requestedBy === undefined ? {} : { requestedBy }),
      reason: restart.spec.reason,
    };
    log.info({ ...line, ...details }, 'Restart decision');
  };
  return {
    requested: (restart) => decided(restart, 'requested'),
    refused: (target, message) => {
      const { namespace, name, uid = '', annotations } = target.metadata;
      if (said.get(uid) === message) return;
      if (said.size >= maxRemembered) said.clear();
      said.set(uid, message);
      const requestedBy = annotations?.[requestedByAnnotation];
      const line = {
        audit: true,
        decision: 'refused',
        target: name,
        ...(requestedBy === undefined ? {} : { requestedBy }),
      };
      log.info({ ...line, namespace, message }, 'Restart decision');
    },
    decided,
  };
}
