import type { Clock } from '#common/time/clock.js';
import type { TrailReport } from './log-events.js';

/** Tells when a path has named nothing that can be read for a while, and why. */
export interface Absence {
  /** It names nothing that can be read now. @returns false, always. */
  notice(reason: string): false;
  /** It can be read again; `report` is told to a client that knows of the absence. */
  end(report?: TrailReport): void;
  /** True when its client knows. */
  readonly isTold: boolean;
}

/** What an absence needs. */
export interface AbsenceDeps {
  readonly path: string;
  readonly clock: Clock;
  readonly isTold: boolean;
  /** Throws when there is no room for it. */
  readonly report: (report: TrailReport) => void;
}

// Rotation removes a name and makes it again; only a longer absence is worth telling.
const absenceMs = 1000;

/** An absence that has not begun, or of which a client knows already. */
export function createAbsence({ path, clock, isTold, report }: AbsenceDeps): Absence {
  let told = isTold;
  let toldReason: string | undefined;
  let toldAtMs: number | undefined;
  let sinceMs: number | undefined;
  return {
    notice: (reason) => {
      const nowMs = clock.nowMs();
      sinceMs ??= nowMs;
      if (told && (toldReason === undefined || toldReason === reason)) toldReason = reason;
      else if (nowMs - Math.max(sinceMs, toldAtMs ?? sinceMs) >= absenceMs) {
        report({ name: 'missing', content: { path, reason } });
        told = true;
        toldReason = reason;
        toldAtMs = nowMs;
      }
      return false;
    },
    end: (back) => {
      sinceMs = undefined;
      if (told && back) report(back);
      told = false;
      toldAtMs = undefined;
    },
    get isTold() {
      return told;
    },
  };
}
