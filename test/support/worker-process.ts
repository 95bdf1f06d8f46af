import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { GateServiceClient } from '#proto/gate/v1/gate.js';
import { WorkerServiceClient, type DescribeResponse } from '#proto/worker/v1/worker.js';
import { ask } from './gate-calls.js';
import { clientOptions } from './link-client.js';

/** How a worker process of a test is started. */
export interface WorkerProcessOptions {
  /** State, socket and log are below it. */
  readonly dir: string;
  readonly panel?: string;
  /** @default named after the panel */
  readonly socket?: string;
  /** More arguments. */
  readonly args?: readonly string[];
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A real panelet-worker. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly socket: string;
  readonly gate: GateServiceClient;
  readonly control: WorkerServiceClient;
  /** What it wrote on standard error. */
  readonly stderr: () => string;
  /** Resolves with exit code and signal. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Resolves when it serves. @throws when it exits first */
  readonly ready: Promise<DescribeResponse>;
  /** Kills it, if it is still there. */
  end(): Promise<void>;
}

/** Starts dist/bin/panelet-worker.js, which `npm run bundle` builds. */
export function spawnWorker(options: WorkerProcessOptions): WorkerProcess {
  const panel = options.panel ?? 'echo';
  const socket = options.socket ?? join(options.dir, 'run', `${panel}.sock`);
  const args = ['--panel', panel, '--socket', socket, '--state-dir', join(options.dir, 'state'), '--node', 'node-a'];
  const program = resolve('dist/bin/panelet-worker.js');
  const child = spawn(
    process.execPath,
    [program, ...args, '--target', 'agent', '--owner-sessions', '1000', ...(options.args ?? [])],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...options.env },
    },
  );
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const gone = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const exited = gone.then(([code, signal]) => ({ code, signal }));
  const gate = new GateServiceClient(`unix:${socket}`, credentials.createInsecure(), clientOptions);
  const control = new WorkerServiceClient(`unix:${socket}`, credentials.createInsecure(), clientOptions);
  const describe = (): Promise<DescribeResponse> => ask((done) => control.describe({}, done));
  const wait = async (): Promise<DescribeResponse> => {
    for (;;) {
      const description = await describe().catch(() => undefined);
      // What an earlier process left may answer for a moment.
      if (description !== undefined && description.pid === child.pid) return description;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`The worker has ended: ${stderr}`);
      await new Promise((again) => setTimeout(again, 20));
    }
  };
  const ready = wait();
  ready.catch(() => undefined);
  return {
    child,
    pid: child.pid ?? 0,
    socket,
    gate,
    control,
    stderr: () => stderr,
    exited,
    ready,
    end: async () => {
      gate.close();
      control.close();
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Number of open files of a process. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
