import { constants } from 'node:os';
import type { ProcessStat } from '#common/process/process-stat.js';
import type { SessionProcesses } from './session-processes.js';

/** The leader of a session of processes. */
export interface Leader {
  readonly pid: number;
  /** True once it has ended. */
  readonly exited: boolean;
}

/** The processes of a panel's session: its program and what that started, but for those that left it (setsid). */
export interface Family {
  /** Time the program started, in clock ticks since boot. */
  readonly startTime: string;
  members(): readonly ProcessStat[];
  /** Signals those in the foreground: the terminal's foreground group, or the program's own group without a terminal. */
  signalForeground(name: string): void;
}

/** The family of a program that leads a session of its own. */
export function createFamily(leader: Leader, table: SessionProcesses): Family {
  const startTime = table.find(leader.pid)?.startTime ?? '';
  // A number stays taken while it names a session; once the session is empty it may name a stranger's.
  let extinct = false;
  const members = (): readonly ProcessStat[] => {
    if (extinct) return [];
    const found = table.ofSession(leader.pid);
    const isStranger = found.some((entry) => entry.pid === leader.pid && entry.startTime !== startTime);
    extinct = isStranger || (found.length === 0 && leader.exited);
    return isStranger ? [] : found;
  };
  return {
    startTime,
    members,
    signalForeground: (name) => {
      if (!isSignal(name)) return;
      const found = members();
      const group = found.find((entry) => entry.foregroundGroup > 0)?.foregroundGroup ?? leader.pid;
      if (found.length > 0 && table.signal(-group, name)) return;
      if (!leader.exited) table.signal(leader.pid, name);
    },
  };
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}
