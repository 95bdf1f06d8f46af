import { pino } from 'pino';
import type { Log } from '#common/log.js';
import type { PaneletSession } from '#client/sdk.js';

/** How a client came to its next attachment. */
export interface ClientParts {
  /** True where it was attached all the time. */
  readonly isBeside: boolean;
  /** When its Welcome came, in milliseconds of the epoch. */
  readonly welcomedAtMs: number;
  /** From its Hello to the Welcome, in milliseconds. */
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
  const welcomed = (isBeside: boolean) => (): void => {
    seen.push({ isBeside, welcomedAtMs: nowMs(), welcomeMs: log.welcomeMs() });
  };
  session.on('resumed', welcomed(false));
  session.on('moved', welcomed(true));
  return {
    take: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}
