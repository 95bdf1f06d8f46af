import { destination, pino, type Logger } from 'pino';

/** Structured log; one child per component, constant messages, values in the first argument. */
export type Log = Logger;

/** How a program logs. */
export interface LogOptions {
  /** Name of the program. */
  readonly name: string;
  /** Lowest level that is written. @default 'info' */
  readonly level?: string;
}

// Tokens and session content never reach a log (invariant I11), even when somebody logs a whole message.
const redactedPaths = ['token', '*.token', 'resumeToken', '*.resumeToken', 'authorization', '*.authorization'];

// Lines that wait while nothing can be written, as on a full disk; more are dropped.
const maxWaitingBytes = 1024 * 1024;

/**
 * Log of a program: JSON lines on standard error, so that standard output belongs to the program. Lines that cannot be
 * written, because a disk is full or a terminal has gone, are lost; the program goes on.
 */
export function createLog(options: LogOptions): Log {
  const lines = destination({ fd: 2, sync: true, maxLength: maxWaitingBytes });
  lines.on('error', () => undefined);
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      redact: redactedPaths,
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    lines,
  );
}

/** Log that writes nothing. */
export function createSilentLog(): Log {
  return pino({ level: 'silent' });
}
