import { closeSync } from 'node:fs';
import type { Clock } from '#common/time/clock.js';
import { createSessionProcesses } from '../processes/session-processes.js';
import { forkPty } from '../processes/pty-fork.js';
import { launchCommand, type ProcessLimits } from './launch-command.js';

/** A script of /bin/sh that is to run as an owner. */
export interface OwnerScript {
  readonly uid: number;
  readonly script: string;
  readonly args: readonly string[];
  /** Killed after so many milliseconds. @default 5 s */
  readonly limitMs?: number;
}

const defaultLimitMs = 5_000;
const environment = { PATH: '/usr/bin:/bin' };

/**
 * Runs it. On a terminal as well: only there are the worker's descriptors of other terminals closed in the child. The owner may stop or
 * kill what runs as him: it is killed when it takes too long, so that he holds up nobody but himself, and not for long.
 * @returns its exit code; 128 and the signal's number when killed
 */
export function runScript(
  { uid, script, args, limitMs = defaultLimitMs }: OwnerScript,
  { limits, clock }: { readonly limits: ProcessLimits; readonly clock: Clock },
): Promise<number> {
  return new Promise((resolve) => {
    const program = { uid, file: '/bin/sh', args: ['-c', script, 'panelet', ...args], environment, cwd: '/' };
    const command = launchCommand(program, limits);
    const { fd, pid } = forkPty({ ...command, cwd: '/', rows: 24, cols: 80 }, ({ code, signal }) => {
      timer.stop();
      closeSync(fd);
      resolve(signal > 0 ? 128 + signal : code);
    });
    const timer = clock.after(limitMs, () => void createSessionProcesses().signal(pid, 'SIGKILL'));
  });
}
