import { ageText } from '../io/output.js';
import type { StatusLine } from './status-line.js';

/** How much time is left when the end of a session is told again, in milliseconds; from the last one on it is told all the time. */
const marksMs = [86_400_000, 3_600_000, 600_000, 60_000];
const shownMs = 10_000;
const preciseSeconds = 120;

/** What a countdown is shown with. */
export interface CountdownDisplay {
  readonly line: StatusLine;
  /** Has something done after a time, in place of what was to be done before. */
  readonly next: (delayMs: number, fire: () => void) => void;
}

/** Says on a status line when a session ends: by the second in the last minute; before that now and then, for what the line covers is the user's. */
export function countDown(display: CountdownDisplay, remainingMs: number, reason: string): void {
  const { line, next } = display;
  line.show(`this session ends in ${leftText(remainingMs)}: ${reason}`);
  const mark = marksMs.find((ms) => ms < remainingMs - shownMs);
  if (mark === undefined) {
    if (remainingMs > 0) next(1000, () => countDown(display, remainingMs - 1000, reason));
    return;
  }
  next(shownMs, () => {
    line.clear();
    next(remainingMs - shownMs - mark, () => countDown(display, mark, reason));
  });
}

/** Time that is left: by the second where there is little, else as ages are. */
function leftText(remainingMs: number): string {
  const seconds = Math.max(0, Math.ceil(remainingMs / 1000));
  return seconds < preciseSeconds ? `${seconds} s` : ageText(seconds * 1000);
}
