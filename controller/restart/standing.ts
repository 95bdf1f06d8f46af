import { requestedAnnotation } from './annotations.js';
import { createdMs, isTerminating, timeMs } from './pod-facts.js';
import { isFinished, type PanelRestart } from './types.js';

/** A value of an annotation with its place among all values. */
export interface CountedValue {
  readonly counter: number;
  readonly value: string;
}

/** Reads `<counter>:<value>`; the value may itself have colons. Undefined when it is not of that form. */
export function parseCounted(text: string | undefined): CountedValue | undefined {
  const match = /^(\d{1,15}):(.*)$/s.exec(text ?? '');
  return match === null ? undefined : { counter: Number(match[1]), value: match[2] ?? '' };
}

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
export type Standing =
  | { readonly kind: 'go' }
  /** Another restart of the same target comes first. */
  | { readonly kind: 'wait'; readonly rival: PanelRestart }
  /** A newer request by annotation replaces this one, also made by annotation. */
  | { readonly kind: 'superseded'; readonly rival: PanelRestart };

/** Decides between the requests for one target: one at a time, oldest first, a newer annotation replaces an older one. */
export function standingOf(restart: PanelRestart, rivals: readonly PanelRestart[], now: Date): Standing {
  const live = rivals.filter((rival) => !isFinished(rival) && !isTerminating(rival) && rival.spec.dryRun !== true);
  const newer = live.find(
    (rival) =>
      counterOf(restart) !== undefined &&
      counterOf(rival) !== undefined &&
      compareAge(restart, rival) < 0 &&
      dueInMs(rival, now) === 0,
  );
  if (newer !== undefined) return { kind: 'superseded', rival: newer };
  if (hasStarted(restart)) return { kind: 'go' };
  const first = live.find((rival) => {
    if (hasStarted(rival)) return true;
    const willStart = dueInMs(rival, now) === 0 && rival.spec.paused !== true && rival.spec.abort !== true;
    return willStart && compareAge(rival, restart) < 0;
  });
  return first === undefined ? { kind: 'go' } : { kind: 'wait', rival: first };
}
