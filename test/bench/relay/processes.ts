import { fork, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';

/** A program and what it is called with. */
export type Argv = readonly [program: string, ...rest: string[]];

/** Processes of a benchmark; none is left behind. */
export interface Processes {
  /** Starts a program that listens on a port of this machine, once it accepts there. What it prints goes to a file. */
  listening(name: string, port: number, argv: Argv): Promise<ChildProcess>;
  /** Starts this program in another role; resolves with the first message it sends. */
  role(name: string, task: unknown): Promise<{ readonly child: ChildProcess; readonly answer: unknown }>;
  /** Ends all, the youngest first. */
  stop(): Promise<void>;
}

const startMs = 20_000;
const endMs = 3_000;
const pollMs = 20;

/** Processes with their output in `dir`. `self` is this program, `role <name> <task>` its arguments in another role. */
export function createProcesses(options: { dir: string; self: string; clock: Clock }): Processes {
  const { dir, self, clock } = options;
  const children: ChildProcess[] = [];
  let stopped = false;
  const own = (child: ChildProcess): void => {
    child.on('error', () => undefined);
    children.push(child);
    if (stopped) child.kill('SIGKILL');
  };
  return {
    listening: async (name, port, argv) => {
      const logFile = join(dir, `${name}.log`);
      const log = openSync(logFile, 'a');
      const [program, ...rest] = argv;
      const child = spawn(program, rest, { stdio: ['ignore', log, log] });
      closeSync(log);
      own(child);
      await withDeadline({ clock, limitMs: startMs, error: () => notStarted(name, logFile) }, async (signal) => {
        while (!(await accepts(port))) {
          if (hasEnded(child)) throw notStarted(name, logFile);
          await sleep(clock, pollMs, signal);
        }
      });
      return child;
    },
    role: async (name, task) => {
      const child = fork(self, ['role', name, JSON.stringify(task)]);
      own(child);
      const answer = await withDeadline(
        { clock, limitMs: startMs, error: () => new Error(`The role ${name} did not start.`) },
        () =>
          new Promise((resolve, reject) => {
            child.once('message', resolve);
            child.once('exit', (code) => reject(new Error(`The role ${name} ended with ${String(code)}.`)));
          }),
      );
      return { child, answer };
    },
    stop: async () => {
      stopped = true;
      for (const child of children.splice(0).reverse()) await endProcess(child, clock);
    },
  };
}

/** Ends a process: SIGTERM, then SIGKILL. */
export async function endProcess(child: ChildProcess, clock: Clock): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const killer = clock.after(endMs, () => child.kill('SIGKILL'));
  await ended;
  killer.stop();
}

/** True for a process that has ended, or never began. */
export function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

function notStarted(name: string, logFile: string): Error {
  const said = readFileSync(logFile, 'utf8').slice(-2000).trim();
  return new Error(`${name} did not start${said === '' ? '.' : `: ${said}`}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A port of 127.0.0.1 that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
