import { pino } from 'pino';
import type { Log } from '#common/log.js';
import type { PaneletSession } from '#client/sdk.js';

/** How a client came to its next attachment, in milliseconds. */
export interface ClientParts {
  /** When its attachment had ended, in milliseconds of the epoch; undefined where it moved, and was attached all the time. */
  readonly leftAtMs: number | undefined;
  /** Finding a connection; 0 where it moved: the next one is sought while the current one goes on. */
  readonly connectMs: number;
  /** From its Hello to the Welcome. */
  readonly welcomeMs: number;
}

/** Watches the attachments of one session at its client. */
export interface ClientWatch {
  /** @returns what there was since the last call */
  take(): readonly ClientParts[];
}

/** The log of a client of one session, for `watchClient`. */
export interface AttachLog {
  readonly log: Log;
  /** Time from Hello to Welcome of the latest attachment, in milliseconds. */
  welcomeMs(): number;
}

/** A log that keeps the time of the latest Welcome alone. */
export function createAttachLog(): AttachLog {
  let latestMs = 0;
  const write = (line: string): void => {
    const { msg, welcomeMs } = JSON.parse(line) as { msg?: string; welcomeMs?: number };
    if (msg === 'Attached') latestMs = welcomeMs ?? 0;
  };
  return { log: pino({ level: 'debug' }, { write }), welcomeMs: () => latestMs };
}

/** Begins to watch a session. @param nowMs the time in milliseconds of the epoch */
export function watchClient(session: PaneletSession, log: AttachLog, nowMs: () => number): ClientWatch {
  let seen: ClientParts[] = [];
  let leftAtMs: number | undefined;
  session.on('reattaching', () => {
    leftAtMs ??= nowMs();
  });
  session.on('resumed', ({ gapMs }) => {
    const welcomeMs = log.welcomeMs();
    seen.push({ leftAtMs, connectMs: Math.max(0, gapMs - welcomeMs), welcomeMs });
    leftAtMs = undefined;
  });
  session.on('moved', () => {
    seen.push({ leftAtMs: undefined, connectMs: 0, welcomeMs: log.welcomeMs() });
    leftAtMs = undefined;
  });
  return {
    take: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}
