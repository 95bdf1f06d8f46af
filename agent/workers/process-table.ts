import { findProcesses, readProcessFile, readProcessStat, type ProcessStat } from '#common/process/process-stat.js';
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
  const find = (pid: number): ProcessId | undefined => idOf(readProcessStat(pid));
  return {
    find,
    findByArgument: (flag, value) => {
      const wanted = `\0${flag}\0${value}\0`;
      return findProcesses((pid) => readProcessFile(pid, 'cmdline').includes(wanted)).map((found) => idOf(found));
    },
    leftBehind: (leader) =>
      findProcesses((pid) => pid !== leader.pid && readProcessStat(pid)?.group === leader.pid)
        .filter((found) => Number(found.startTime) >= Number(leader.startTime))
        .map((found) => idOf(found)),
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

function idOf(stat: ProcessStat): ProcessId;
function idOf(stat: ProcessStat | undefined): ProcessId | undefined;
function idOf(stat: ProcessStat | undefined): ProcessId | undefined {
  return stat && { pid: stat.pid, startTime: stat.startTime };
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
