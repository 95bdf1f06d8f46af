/** The parts of one session's handover between two workers, in milliseconds, as both log them at level debug. */
export interface HandoverParts {
  /** Bringing it to rest and taking its state. */
  readonly freezeMs: number;
  /** Of giving: what neither restoring nor deciding took, which is the way there and back. */
  readonly socketMs: number;
  readonly restoreMs: number;
  /** Deciding that the new one has it. */
  readonly liveMs: number;
  /** When that was, in milliseconds of the epoch. */
  readonly decidedAtMs: number;
}

interface Line {
  readonly time?: string;
  readonly sessionId?: string;
  readonly freezeMs?: number;
  readonly giveMs?: number;
  readonly restoreMs?: number;
  readonly liveMs?: number;
}

/** Puts the parts together that both workers have written to a log. @returns by session; those of which a part is missing are left out */
export function handoverParts(log: string): ReadonlyMap<string, HandoverParts> {
  const lines = linesOf(log);
  const taken = new Map(lines.flatMap((line) => (line.restoreMs === undefined ? [] : [[line.sessionId, line]])));
  const parts = new Map<string, HandoverParts>();
  for (const { sessionId, freezeMs, giveMs } of lines) {
    const { time = '', restoreMs, liveMs } = taken.get(sessionId) ?? {};
    if (sessionId === undefined || freezeMs === undefined || giveMs === undefined) continue;
    if (restoreMs === undefined || liveMs === undefined) continue;
    const socketMs = Math.max(0, giveMs - restoreMs - liveMs);
    parts.set(sessionId, { freezeMs, socketMs, restoreMs, liveMs, decidedAtMs: Date.parse(time) });
  }
  return parts;
}

function linesOf(log: string): Line[] {
  return log.split('\n').flatMap((text) => {
    if (!text.includes('"freezeMs"') && !text.includes('"restoreMs"')) return [];
    try {
      return [JSON.parse(text) as Line];
    } catch {
      // The last line may be cut.
      return [];
    }
  });
}
