import { findProcesses, readProcessFile } from '#common/process/process-stat.js';

/** A process that works below a directory. */
export interface BelowProcess {
  readonly pid: number;
  /** Its program and arguments. */
  readonly words: readonly string[];
}

/** Living processes that were started with a path below a directory among their arguments, in the order in which they were started. */
export function processesBelow(directory: string): readonly BelowProcess[] {
  const wordsOf = (pid: number): readonly string[] => readProcessFile(pid, 'cmdline').split('\0');
  return findProcesses((pid) => wordsOf(pid).some((word) => word.startsWith(`${directory}/`)))
    .toSorted((a, b) => Number(a.startTime) - Number(b.startTime))
    .map(({ pid }) => ({ pid, words: wordsOf(pid) }));
}

/** Kills them; those that have ended by themselves are left. */
export function killAll(processes: readonly BelowProcess[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}
