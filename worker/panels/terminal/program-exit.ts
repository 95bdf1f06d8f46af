import { constants } from 'node:os';
import type { Event } from '#proto/session/v1/session.js';
import type { RawExit } from '../../processes/pty-fork.js';

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number;
  /** Name of the signal that ended it; empty when it exited by itself. */
  readonly signal: string;
}

/** The exit with its signal's name. */
export function programExit({ code, signal }: RawExit): ProgramEnd {
  return { code: signal > 0 ? 0 : code, signal: signalName(signal) };
}

/** The event that tells it. */
export function exitStatus({ code, signal }: ProgramEnd): Event {
  return { kind: { $case: 'exitStatus', value: { code, signal } } };
}

function signalName(number: number): string {
  if (number === 0) return '';
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`;
}
