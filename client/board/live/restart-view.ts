import type { RestartCondition, RestartObject } from '../../cli/fleet/restart-object.js';
import type { BoardRestart } from '../wire/live.js';
import { nextLanes } from './restart-lanes.js';

/** What people read first. */
const order = ['Stalled', 'Paused', 'Reconciling', 'Retiring', 'Succeeded'];

function sentencesOf(conditions: readonly RestartCondition[], isOver: boolean): readonly string[] {
  const says = ({ type, status }: RestartCondition): boolean => status === 'True' || (isOver && type === 'Succeeded');
  const said = order
    .map((type) => conditions.find((condition) => condition.type === type && says(condition))?.message ?? '')
    .filter((message) => message !== '');
  return [...new Set(said)];
}

/** A restart that only says what another one would do. */
export function isDryRun({ spec }: RestartObject): boolean {
  return spec?.dryRun === true;
}

/**
 * What is shown of a restart.
 * @param before what was shown of it before; undefined at first
 * @param now RFC 3339
 */
export function restartView(restart: RestartObject, before: BoardRestart | undefined, now: string): BoardRestart {
  const { metadata, spec, status } = restart;
  const { pods, sessions } = status ?? {};
  return {
    uid: metadata.uid ?? metadata.name,
    name: metadata.name,
    target: spec?.targetRef?.name ?? '',
    phase: status?.phase ?? 'Pending',
    reason: spec?.reason ?? '',
    paused: spec?.paused === true,
    aborting: spec?.abort === true,
    createdAt: metadata.creationTimestamp ?? '',
    startedAt: status?.startTime ?? '',
    finishedAt: status?.completionTime ?? '',
    expectedAt: status?.expectedCompletionTime ?? '',
    podsText: pods?.summary ?? '',
    sessionsText: sessions?.summary ?? '',
    forced: sessions?.forced ?? 0,
    sentences: sentencesOf(status?.conditions ?? [], status?.completionTime !== undefined),
    counts: {
      total: pods?.total ?? 0,
      pending: pods?.pending ?? 0,
      succeeded: pods?.succeeded ?? 0,
      failed: pods?.failed ?? 0,
      retiring: pods?.retiring ?? 0,
    },
    lanes: nextLanes({ lanes: before?.lanes ?? [], succeeded: before?.counts.succeeded ?? 0 }, status, now),
  };
}
