/** The parts of one session's handover, in milliseconds, as the two workers log them at level debug. */
export interface HandoverParts {
  /** Bringing it to rest and taking its state. */
  readonly freezeMs: number;
  /** Of giving: what neither restoring nor deciding took, which is the way there and back. */
  readonly socketMs: number;
  readonly restoreMs: number;
  /** Deciding that the new one has it. */
  readonly liveMs: number;
}

interface Line {
  readonly sessionId?: string;
  readonly freezeMs?: number;
  readonly giveMs?: number;
  readonly restoreMs?: number;
  readonly liveMs?: number;
}

/** Puts the parts of both logs together. @returns by session; those of which one log lacks a part are left out */
export function handoverParts(giverLog: string, takerLog: string): ReadonlyMap<string, HandoverParts> {
  const taken = new Map(linesOf(takerLog).map((line) => [line.sessionId, line]));
  const parts = new Map<string, HandoverParts>();
  for (const { sessionId, freezeMs, giveMs } of linesOf(giverLog)) {
    const { restoreMs, liveMs } = taken.get(sessionId) ?? {};
    if (sessionId === undefined || freezeMs === undefined || giveMs === undefined) continue;
    if (restoreMs === undefined || liveMs === undefined) continue;
    parts.set(sessionId, { freezeMs, socketMs: Math.max(0, giveMs - restoreMs - liveMs), restoreMs, liveMs });
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
