import { findProcesses, readProcessStat, type ProcessStat } from '#common/process/process-stat.js';

/** The processes of this machine, by the sessions that they belong to. */
export interface SessionProcesses {
  /** @returns undefined when there is none, or only a zombie. */
  find(pid: number): ProcessStat | undefined;
  /** All that belong to a session, zombies left out. */
  ofSession(sessionId: number): readonly ProcessStat[];
  /** Signals a process, or with a negative number a process group. @returns false when it is not there any more. */
  signal(pid: number, signal: NodeJS.Signals): boolean;
}

/** Reads /proc. */
export function createSessionProcesses(): SessionProcesses {
  return {
    find: readProcessStat,
    ofSession: (sessionId) => findProcesses((pid) => readProcessStat(pid)?.sessionId === sessionId),
    signal: (pid, signal) => {
      try {
        return process.kill(pid, signal);
      } catch {
        return false;
      }
    },
  };
}
