import { requestedAnnotation } from '../api/annotations.js';
import { parseCounted } from '../api/counted-value.js';
import { createdMs, isTerminating, timeMs } from '../facts/pods.js';
import { rolloutOf, type Revision } from '../facts/revisions.js';
import { isFinished, type PanelRestart } from '../api/panel-restart.js';

function counterOf(restart: PanelRestart): number | undefined {
  return parseCounted(restart.metadata.annotations?.[requestedAnnotation])?.counter;
}

/** Orders requests for one target by age. Requests by annotation are numbered, others go by time and name. */
export function compareAge(a: PanelRestart, b: PanelRestart): number {
  const [counterA, counterB] = [counterOf(a), counterOf(b)];
  if (counterA !== undefined && counterB !== undefined && counterA !== counterB) return counterA - counterB;
  const byTime = createdMs(a) - createdMs(b);
  if (byTime !== 0) return byTime;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

/** Milliseconds until a restart may start; 0 when it may. */
export function dueInMs(restart: PanelRestart, now: Date): number {
  return Math.max(0, (timeMs(restart.spec.notBefore) ?? 0) - now.getTime());
}

function hasStarted(restart: PanelRestart): boolean {
  return restart.status?.startTime !== undefined;
}

/** Whether a restart may work on its target now. */
export type Precedence =
  | { readonly kind: 'go' }
  /** Another restart of the same target comes first. */
  | { readonly kind: 'wait'; readonly rival: PanelRestart }
  /** A newer request by annotation replaces this one, also made by annotation; or a newer template, the one it rolls out. */
  | { readonly kind: 'superseded'; readonly by: string };

function newerRequest(restart: PanelRestart, live: readonly PanelRestart[], now: Date): PanelRestart | undefined {
  return live.find(
    (rival) =>
      counterOf(restart) !== undefined &&
      counterOf(rival) !== undefined &&
      compareAge(restart, rival) < 0 &&
      dueInMs(rival, now) === 0,
  );
}

/** What the precedence of a restart depends on. */
export interface PrecedenceInput {
  /** Other restarts of the target. */
  readonly rivals: readonly PanelRestart[];
  readonly now: Date;
  /** The template that the target has now. */
  readonly newest: Revision | undefined;
}

/**
 * Decides between the requests for one target: one at a time, oldest first. A newer annotation replaces an older one,
 * and a rollout of a template that the target has no more is over.
 */
export function precedenceOf(restart: PanelRestart, { rivals, now, newest }: PrecedenceInput): Precedence {
  const live = rivals.filter((rival) => !isFinished(rival) && !isTerminating(rival) && rival.spec.dryRun !== true);
  const newer = newerRequest(restart, live, now);
  if (newer !== undefined) return { kind: 'superseded', by: `request, ${newer.metadata.name}` };
  const rollout = rolloutOf(restart);
  if (rollout !== undefined && newest !== undefined && newest.revision > rollout.revision) {
    return { kind: 'superseded', by: `pod template, revision ${newest.revision}` };
  }
  if (hasStarted(restart)) return { kind: 'go' };
  const first = live.find((rival) => {
    if (hasStarted(rival)) return true;
    const willStart = dueInMs(rival, now) === 0 && rival.spec.paused !== true && rival.spec.abort !== true;
    return willStart && compareAge(rival, restart) < 0;
  });
  return first === undefined ? { kind: 'go' } : { kind: 'wait', rival: first };
}
