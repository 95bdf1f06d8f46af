import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

const pauseMs = 5;
// Programs that hide their arguments for ever are not waited for.
const maxUndecidedLooks = 200;

function read<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** What works below a directory, and whether there is a process that may or may not: in the middle of exec(2) it has no arguments. */
function processesBelow(directory: string): { readonly pids: readonly number[]; readonly undecided: boolean } {
  const pids: number[] = [];
  let undecided = false;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const words = read(() => readFileSync(`/proc/${entry}/cmdline`, 'utf8')) ?? '';
    if (words.split('\0').some((word) => word.startsWith(`${directory}/`))) pids.push(Number(entry));
    // Threads of the kernel and what is dead already have no program either.
    undecided ||= words === '' && read(() => readlinkSync(`/proc/${entry}/exe`)) !== undefined;
  }
  return { pids, undecided };
}

function kill(pid: number): boolean {
  return read(() => process.kill(pid, 'SIGKILL')) ?? false;
}

/**
 * Kills the processes that have an argument below a directory, each with the process group that it leads, and returns when they
 * are gone; also a worker that an agent starts in the very moment in which it is killed. Not for a directory of others.
 */
export function killProcessesBelow(directory: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let looks = 0; looks < maxUndecidedLooks;) {
    const { pids, undecided } = processesBelow(directory);
    if (pids.length === 0 && !undecided) return;
    for (const pid of pids) if (!kill(-pid)) kill(pid);
    looks = pids.length === 0 ? looks + 1 : 0;
    Atomics.wait(pause, 0, 0, pauseMs);
  }
}
