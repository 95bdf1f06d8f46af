import type { ControllerRevision, DaemonSet, Pod } from '#kube/objects.js';
import {
  rolloutAnnotation,
  rolloutAttemptAnnotation,
  rolloutObservedAnnotation,
  rolloutRevisionAnnotation,
} from '../api/annotations.js';
import { restartFor, type Request } from './annotation-request.js';
import { restartOptionsOf } from '../api/options.js';
import { isOnDelete, newestRevisionOf, revisionText, rolloutOf, stalePods, type Revision } from '../facts/revisions.js';
import type { PanelRestart } from '../api/panel-restart.js';

/** True for a target whose changed pod template the controller rolls out. */
export function isManaged(target: DaemonSet): boolean {
  return target.metadata.annotations?.[rolloutAnnotation] === 'managed';
}

const firstRetryMs = 5 * 60_000;
const longestRetryMs = 60 * 60_000;

// What passes by itself: sessions that were not safe in time end, nodes come back.
const passing: ReadonlySet<string> = new Set([
  'DrainTimeout',
  'GateBusy',
  'NodeUnreachable',
  'AgentUnreachable',
  'NoRoom',
]);

/** The next attempt at a rollout that failed. */
interface Retry {
  readonly attempt: number;
  /** Milliseconds until it is due; 0 when it is. */
  readonly inMs: number;
}

function attemptOf({ metadata }: PanelRestart): number {
  return Number(metadata.annotations?.[rolloutAttemptAnnotation] ?? 1);
}

/** When a template that was taken up is to be rolled out again; undefined when nothing is to be tried. */
function retryOf(restarts: readonly PanelRestart[], newest: Revision, now: Date): Retry | undefined {
  const own = restarts.filter((restart) => rolloutOf(restart)?.revision === newest.revision);
  const last = own.toSorted((a, b) => attemptOf(a) - attemptOf(b)).at(-1);
  const { phase, failures = [], completionTime } = last?.status ?? {};
  if (last === undefined || phase !== 'Failed' || completionTime === undefined || failures.length === 0)
    return undefined;
  if (!failures.every(({ reason }) => passing.has(reason))) return undefined;
  const attempt = attemptOf(last) + 1;
  const waitMs = Math.min(firstRetryMs * 2 ** (attempt - 2), longestRetryMs);
  return { attempt, inMs: Math.max(0, Date.parse(completionTime) + waitMs - now.getTime()) };
}

/** What a rollout follows from. */
export interface RolloutFacts {
  readonly target: DaemonSet;
  readonly pods: readonly Pod[];
  readonly revisions: readonly ControllerRevision[];
  /** Restarts of the target, finished ones too. */
  readonly restarts: readonly PanelRestart[];
  readonly now: Date;
}

/** What a changed template asks for, and when to ask again. */
export interface RolloutRequest {
  readonly request: Request;
  readonly retryInMs?: number;
}

const nothing: RolloutRequest = { request: { kind: 'none' } };

/**
 * Derives the restart that a target's changed pod template asks for: one for each revision, and others, ever later, after
 * one that failed for what passes by itself. Options are those of requests by annotation; the reason is the template.
 */
export function rolloutRequestOf({ target, pods, revisions, restarts, now }: RolloutFacts): RolloutRequest {
  const newest = newestRevisionOf(revisions);
  if (!isManaged(target) || newest === undefined) return nothing;
  const isTaken = target.metadata.annotations?.[rolloutObservedAnnotation] === revisionText(newest);
  const retry = isTaken ? retryOf(restarts, newest, now) : undefined;
  if (isTaken && retry === undefined) return nothing;
  if (stalePods(pods, revisions, newest).length === 0) return nothing;
  if (retry !== undefined && retry.inMs > 0) return { ...nothing, retryInMs: retry.inMs };
  return { request: requestFor(target, newest, retry?.attempt ?? 1) };
}

function requestFor(target: DaemonSet, newest: Revision, attempt: number): Request {
  if (!isOnDelete(target)) {
    return { kind: 'wrong', message: 'Kubernetes rolls it out itself. Set spec.updateStrategy.type to OnDelete.' };
  }
  const options = restartOptionsOf(target);
  if (options.kind === 'wrong') return { kind: 'wrong', message: options.problems.join(' ') };
  const isAgain = attempt > 1;
  const restart = restartFor(target, {
    suffix: `r${newest.revision}${isAgain ? `-${attempt}` : ''}`,
    annotations: {
      [rolloutRevisionAnnotation]: revisionText(newest),
      ...(isAgain ? { [rolloutAttemptAnnotation]: String(attempt) } : {}),
    },
    spec: { ...options.spec, reason: `a changed pod template, revision ${newest.revision}` },
  });
  return { kind: 'restart', restart };
}
