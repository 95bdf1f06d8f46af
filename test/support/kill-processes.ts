import { readFileSync, readdirSync } from 'node:fs';

const pauseMs = 5;

function argumentsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function processesBelow(directory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => argumentsOf(pid).some((argument) => argument.startsWith(`${directory}/`)))
    .map(Number);
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/**
 * Kills the processes that have an argument below a directory, each with the process group that it leads, and returns when they
 * are gone; also a worker that an agent starts in the very moment in which it is killed. Not for a directory of others.
 */
export function killProcessesBelow(directory: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let found = processesBelow(directory); found.length > 0; found = processesBelow(directory)) {
    for (const pid of found) if (!kill(-pid)) kill(pid);
    Atomics.wait(pause, 0, 0, pauseMs);
  }
}
