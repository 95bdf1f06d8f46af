import type { RestartMetrics, RestartOutcome, SessionCounts } from '../../metrics/restart-metrics.js';
import type { RestartAudit, AuditDecision } from './audit.js';
import type { DrainTimings } from './drain-timings.js';
import { neverRan, withoutWorkers } from '../api/events.js';
import type { ActivePod, PanelRestart, PanelRestartStatus, Phase, SessionTotals } from '../api/panel-restart.js';

/** Tells what a status that was just written has that the one before it had not. */
export interface Progress {
  wrote(restart: PanelRestart, next: PanelRestartStatus): void;
}

/** What it tells to. */
export interface ProgressDeps {
  readonly audit: RestartAudit;
  readonly metrics: RestartMetrics;
  readonly timings: DrainTimings;
}

const ends: Partial<Record<Phase, RestartOutcome>> = {
  Succeeded: 'succeeded',
  Failed: 'failed',
  Aborted: 'aborted',
  Superseded: 'superseded',
};

/** Sessions that came into the totals, less what the receipts of these pods say already. */
function verified(before: SessionTotals | undefined, after: SessionTotals | undefined): SessionCounts {
  const since = (key: 'resumed' | 'lost'): number => (after?.[key] ?? 0) - (before?.[key] ?? 0);
  return { resumed: since('resumed'), lost: since('lost') };
}

function receiptCounts({ receipt }: ActivePod): SessionCounts {
  const { kept = 0, finished = 0, checkpointed = 0, moved = 0, forced = 0 } = receipt ?? {};
  return { kept, finished, checkpointed, moved, forced };
}

/** Ordinary statuses are compared; whatever was not written was not told, and is told by the write that comes through. */
export function createProgress({ audit, metrics, timings }: ProgressDeps): Progress {
  const tellPods = (restart: PanelRestart, next: PanelRestartStatus): void => {
    const { active = [], failures = [], pods, sessions } = restart.status ?? {};
    const gone = active.filter(({ uid }) => !next.active?.some((entry) => entry.uid === uid));
    const failed = new Set(next.failures?.slice(failures.length).map(({ uid }) => uid));
    let succeeded = (next.pods?.succeeded ?? 0) - (pods?.succeeded ?? 0);
    let rest = verified(sessions, next.sessions);
    // Those with a receipt first: a pod that was given back in the same moment has none.
    const left = [...gone].sort((a, b) => Number(b.receipt !== undefined) - Number(a.receipt !== undefined));
    for (const entry of left) {
      const outcome = failed.has(entry.uid) ? 'failed' : succeeded-- > 0 ? 'succeeded' : 'aborted';
      if (outcome === 'succeeded') timings.replaced(entry.uid, entry.surge === 'beside');
      metrics.podDone(outcome, outcome === 'aborted' ? {} : { ...receiptCounts(entry), ...rest });
      rest = {};
    }
  };

  const tellForced = (restart: PanelRestart, next: PanelRestartStatus): void => {
    for (const { pod, uid, node, receipt } of next.active ?? []) {
      const before = restart.status?.active?.find((entry) => entry.uid === uid)?.receipt;
      const without =
        receipt?.withoutReceipt !== undefined &&
        receipt.withoutReceipt !== neverRan &&
        receipt.withoutReceipt !== withoutWorkers;
      const isForced = without || (receipt?.forced ?? 0) > 0;
      const isNew = before?.digest !== receipt?.digest || before?.withoutReceipt !== receipt?.withoutReceipt;
      if (isForced && isNew) audit.decided(restart, 'forced', { pod, node, receipt });
    }
  };

  return {
    wrote: (restart, next) => {
      const before = restart.status;
      if (before?.startTime === undefined && next.startTime !== undefined && next.completionTime === undefined) {
        audit.decided(restart, 'started', { pods: next.pods?.total });
      }
      tellForced(restart, next);
      tellPods(restart, next);
      const outcome = next.phase === undefined ? undefined : ends[next.phase];
      if (before?.completionTime !== undefined || next.completionTime === undefined || outcome === undefined) return;
      const message = next.conditions?.find(({ type }) => type === 'Reconciling')?.message;
      const decision: AuditDecision = outcome;
      audit.decided(restart, decision, { message, pods: next.pods?.summary, sessions: next.sessions });
      if (restart.spec.dryRun !== true) metrics.restartDone(outcome);
    },
  };
}
