import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel says about a process (proc(5), /proc/[pid]/stat). */
export interface ProcessStat {
  readonly pid: number;
  /** Process group. */
  readonly group: number;
  /** Process id of the leader of its session. */
  readonly sessionId: number;
  /** Foreground process group of its terminal; -1 without one. */
  readonly foregroundGroup: number;
  /** Time it started, in clock ticks after boot. Numbers of processes are used again; a number with this time is not. */
  readonly startTime: string;
}

/** What /proc says about a process; undefined when there is none, or when it has ended and waits for its parent (a zombie). */
export function readProcessStat(pid: number): ProcessStat | undefined {
  const text = readProcessFile(pid, 'stat');
  // The second field is the name in parentheses, which may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , group, sessionId, , foregroundGroup] = fields;
  const startTime = fields[19];
  if (startTime === undefined || state === 'Z' || state === 'X') return undefined;
  return {
    pid,
    group: Number(group),
    sessionId: Number(sessionId),
    foregroundGroup: Number(foregroundGroup),
    startTime,
  };
}

/** False for a process in the background of its terminal, which is stopped when it reads keys; true where that cannot be known. */
export function isForeground(pid: number): boolean {
  const stat = readProcessStat(pid);
  return stat === undefined || stat.group === stat.foregroundGroup;
}

/** Living processes of this machine for which `isWanted` says so. */
export function findProcesses(isWanted: (pid: number) => boolean): readonly ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(isWanted)
    .map(readProcessStat)
    .filter((found) => found !== undefined);
}

/** A file of a process in /proc; empty when there is no such process, or its file may not be read. */
export function readProcessFile(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
