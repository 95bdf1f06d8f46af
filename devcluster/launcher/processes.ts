import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { findProcessesByEnvironment, isProcessAlive, readGroupedProcess, type ProcessIdentity } from './proc-fs.js';

/** How a process ended. */
export interface ProcessExit {
  /** Exit code as a shell gives it: 128 + n for a signal. */
  readonly code: number;
  /** Number of the signal, 0 for none. */
  readonly signal: number;
  /** False for a process that was adopted: only its parent learns how it ended. */
  readonly known: boolean;
}

/** What to run. */
export interface ProcessSpec {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Standard output and error are appended here, by the process itself: they go on when this program dies. */
  readonly logFile: string;
}

/** A process on this machine, with a process group of its own. */
export interface LocalProcess {
  readonly identity: ProcessIdentity;
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal to the process, not its group. A process that has ended is left alone. */
  signal(name: NodeJS.Signals): void;
  /** SIGKILL to the process and its group. */
  killGroup(): void;
}

/** Starts, finds again and counts processes. */
export interface Processes {
  /** @throws the system's error when the program can't be started. */
  start(spec: ProcessSpec): Promise<LocalProcess>;
  /** The process if it still runs. */
  adopt(identity: ProcessIdentity): LocalProcess | undefined;
  /** Processes whose environment holds `NAME=value`. */
  find(assignment: string): readonly ProcessIdentity[];
  /** Sends a signal to a process found by `find`, if it still is that process. */
  signal(identity: ProcessIdentity, name: NodeJS.Signals): void;
}

// signal(7), the ones a container usually ends with.
const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

// An adopted process is nobody's child here, so its end is seen by looking.
const adoptedPollMs = 100;

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended in the meantime.
  }
}

function toExit(code: number | null, signal: NodeJS.Signals | null): ProcessExit {
  const signalNumber = signal === null ? 0 : (signalNumbers[signal] ?? 0);
  return { code: code ?? 128 + signalNumber, signal: signalNumber, known: true };
}

async function startChild(spec: ProcessSpec): Promise<ChildProcess> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'a', 0o600);
  try {
    const [program = '', ...args] = spec.command;
    const child = spawn(program, args, {
      detached: true,
      env: { ...spec.environment },
      stdio: ['ignore', log, log],
      ...(spec.workingDirectory === undefined ? {} : { cwd: spec.workingDirectory }),
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return child;
  } finally {
    closeSync(log);
  }
}

function createChild(child: ChildProcess): LocalProcess {
  const pid = child.pid ?? 0;
  const identity = { pid, startTime: readGroupedProcess(pid)?.startTime ?? 0 };
  const exited = createLatch<ProcessExit>();
  child.on('error', () => undefined);
  if (child.exitCode !== null || child.signalCode !== null) exited.resolve(toExit(child.exitCode, child.signalCode));
  else child.once('exit', (code, signal) => exited.resolve(toExit(code, signal)));
  child.unref();
  return {
    identity,
    exited: exited.promise,
    signal: (name) => {
      if (!exited.settled) send(pid, name);
    },
    killGroup: () => {
      send(-pid, 'SIGKILL');
    },
  };
}

function createAdopted(identity: ProcessIdentity, clock: Clock): LocalProcess {
  const exited = createLatch<ProcessExit>();
  const look = (): void => {
    if (isProcessAlive(identity)) clock.after(adoptedPollMs, look);
    else exited.resolve({ code: 137, signal: 0, known: false });
  };
  look();
  return {
    identity,
    exited: exited.promise,
    signal: (name) => {
      if (isProcessAlive(identity)) send(identity.pid, name);
    },
    killGroup: () => {
      // Once the leader is gone its number may belong to somebody else.
      if (isProcessAlive(identity)) send(-identity.pid, 'SIGKILL');
    },
  };
}

/** Processes of this machine. */
export function createProcesses(deps: { readonly clock: Clock }): Processes {
  return {
    start: async (spec) => createChild(await startChild(spec)),
    adopt: (identity) => (isProcessAlive(identity) ? createAdopted(identity, deps.clock) : undefined),
    find: (assignment) => findProcessesByEnvironment(assignment),
    signal: (identity, name) => {
      if (isProcessAlive(identity)) send(identity.pid, name);
    },
  };
}
