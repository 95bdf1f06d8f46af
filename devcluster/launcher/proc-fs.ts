import { findProcesses, readProcessFile, readProcessStat as readStat } from '#common/process/process-stat.js';

/** What tells a process from a later one with the same id, as records of pods hold it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/<pid>/stat. */
  readonly startTime: number;
}

/** A process with its group. */
export interface GroupedProcess extends ProcessIdentity {
  readonly group: number;
}

/** What /proc says about a process; undefined when there is none, or when it has ended and waits for its parent. */
export function readGroupedProcess(pid: number): GroupedProcess | undefined {
  const stat = readStat(pid);
  return stat && { pid, group: stat.group, startTime: Number(stat.startTime) };
}

/** True while this very process runs, not a later one with its id. */
export function isProcessAlive(identity: ProcessIdentity): boolean {
  return readGroupedProcess(identity.pid)?.startTime === identity.startTime;
}

/** Processes whose environment holds `NAME=value`, as it was when they were started. */
export function findProcessesByEnvironment(assignment: string): GroupedProcess[] {
  return findProcesses((pid) => readProcessFile(pid, 'environ').split('\0').includes(assignment)).map(
    ({ pid, group, startTime }) => ({ pid, group, startTime: Number(startTime) }),
  );
}
