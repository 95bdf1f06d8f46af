import { readdirSync, readFileSync } from 'node:fs';

/** What tells a process from a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/<pid>/stat. */
  readonly startTime: number;
}

/** One line of /proc/<pid>/stat, as far as it is needed. */
export interface ProcessStat extends ProcessIdentity {
  /** Process group. */
  readonly group: number;
  /** One letter; Z is a process that has ended and was not waited for. */
  readonly state: string;
}

function readProcFile(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}

/** What /proc says about a process; undefined when there is none, or when it has ended and waits for its parent. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  const line = readProcFile(pid, 'stat');
  if (line === undefined) return undefined;
  // The name in parentheses may contain anything, so fields are counted from behind it: proc(5).
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const state = fields[0] ?? '';
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, state, group: Number(fields[2]), startTime: Number(fields[19]) };
}

/** True while this very process runs, not a later one with its id. */
export function isProcessAlive(identity: ProcessIdentity): boolean {
  return readProcessStat(identity.pid)?.startTime === identity.startTime;
}

/** Processes whose environment holds `NAME=value`, as it was when they were started. */
export function findProcessesByEnvironment(assignment: string): ProcessStat[] {
  const found: ProcessStat[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const environment = readProcFile(pid, 'environ');
    if (environment?.split('\0').includes(assignment) !== true) continue;
    const stat = readProcessStat(pid);
    if (stat !== undefined) found.push(stat);
  }
  return found;
}
