import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel says about a process (proc(5), /proc/[pid]/stat). */
export interface ProcessEntry {
  readonly pid: number;
  /** One letter; Z is a zombie. */
  readonly state: string;
  /** Process id of the leader of its session. */
  readonly sessionId: number;
  /** Foreground process group of its terminal; -1 without one. */
  readonly foregroundGroup: number;
  /** Time it started, in clock ticks since boot; with the pid it names a process for good. */
  readonly startTicks: string;
}

/** The processes of this machine. */
export interface ProcessTable {
  /** @returns undefined when there is none, or only a zombie. */
  find(pid: number): ProcessEntry | undefined;
  /** All that belong to a session, zombies left out. */
  ofSession(sessionId: number): readonly ProcessEntry[];
  /** Signals a process, or with a negative number a process group. @returns false when it is not there any more. */
  signal(pid: number, signal: NodeJS.Signals): boolean;
}

/** Reads /proc. */
export function createProcessTable(): ProcessTable {
  const find = (pid: number): ProcessEntry | undefined => {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    } catch {
      return undefined;
    }
    const entry = parseStat(pid, stat);
    return entry.state === 'Z' || entry.state === 'X' ? undefined : entry;
  };
  return {
    find,
    ofSession: (sessionId) =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((name) => find(Number(name)))
        .filter((entry): entry is ProcessEntry => entry?.sessionId === sessionId),
    signal: (pid, signal) => {
      try {
        return process.kill(pid, signal);
      } catch {
        return false;
      }
    },
  };
}

function parseStat(pid: number, stat: string): ProcessEntry {
  // The name, in parentheses, may hold spaces and parentheses itself; what follows the last one is regular.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    state: fields[0] ?? 'X',
    sessionId: Number(fields[3]),
    foregroundGroup: Number(fields[5]),
    startTicks: fields[19] ?? '',
  };
}
