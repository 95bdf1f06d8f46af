import { readdirSync, readFileSync } from 'node:fs';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';

/** A process beyond doubt: numbers are used again, a number with its start time is not. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after boot, as field 22 of /proc/<pid>/stat says. */
  readonly startTime: string;
}

/** The processes of this machine. */
export interface ProcessTable {
  /** The living process of that number; a zombie is not living. */
  find(pid: number): ProcessId | undefined;
  /** Living processes that were started with `flag` followed by `value` among their arguments. */
  findByArgument(flag: string, value: string): readonly ProcessId[];
  /** Processes of the group that `leader` led, after its end; later groups of the same number are told apart by time. */
  leftBehind(leader: ProcessId): readonly ProcessId[];
  /** Signals the process, or its whole process group, if it is still the same one. */
  signal(process: ProcessId, signal: NodeJS.Signals, scope?: 'process' | 'group'): boolean;
}

/** The process table of Linux, read from /proc. */
export function createProcessTable(): ProcessTable {
  const find = (pid: number): ProcessId | undefined => {
    const fields = readStat(pid);
    const [state] = fields;
    const startTime = fields[19];
    return startTime === undefined || state === 'Z' || state === 'X' ? undefined : { pid, startTime };
  };
  return {
    find,
    findByArgument: (flag, value) => {
      const wanted = `\0${flag}\0${value}\0`;
      return processNumbers()
        .filter((pid) => readText(`/proc/${pid}/cmdline`).includes(wanted))
        .map(find)
        .filter((found) => found !== undefined);
    },
    leftBehind: (leader) =>
      processNumbers()
        .filter((pid) => pid !== leader.pid && Number(readStat(pid)[2]) === leader.pid)
        .map(find)
        .filter((found) => found !== undefined)
        .filter((found) => Number(found.startTime) >= Number(leader.startTime)),
    signal: (target, signal, scope = 'process') => {
      if (find(target.pid)?.startTime !== target.startTime) return false;
      try {
        process.kill(scope === 'group' ? -target.pid : target.pid, signal);
        return true;
      } catch {
        return false;
      }
    },
  };
}

function processNumbers(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

// proc(5): the second field is the name in parentheses, which may hold spaces and parentheses itself.
function readStat(pid: number): readonly string[] {
  const text = readText(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** True while exactly this process lives. */
export function isAlive(table: ProcessTable, target: ProcessId): boolean {
  return table.find(target.pid)?.startTime === target.startTime;
}

const pollMs = 50;

/** Resolves once the process is gone; looks, because a process that is not a child has no event for it. */
export async function waitForExit(
  table: ProcessTable,
  target: ProcessId,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  while (isAlive(table, target)) await sleep(clock, pollMs, signal);
}

/** How long to wait for a process that was asked to end. */
export interface EndOptions {
  readonly clock: Clock;
  /** Time between SIGTERM and SIGKILL. */
  readonly termMs: number;
}

// One that the kernel does not let go even then, as when its disk hangs, never runs again: nobody has to wait for it.
const killMs = 1_000;

/** Ends a process and its group: SIGTERM, then SIGKILL. Resolves once it is gone, and says whether it had to be killed. */
export async function endProcess(
  table: ProcessTable,
  target: ProcessId,
  options: EndOptions,
): Promise<'ended' | 'killed'> {
  table.signal(target, 'SIGTERM');
  const { clock, termMs } = options;
  try {
    await withDeadline({ clock, limitMs: termMs }, (signal) => waitForExit(table, target, clock, signal));
    return 'ended';
  } catch {
    table.signal(target, 'SIGKILL', 'group');
    const killed = withDeadline({ clock, limitMs: killMs }, (signal) => waitForExit(table, target, clock, signal));
    await killed.catch(() => undefined);
    return 'killed';
  }
}
