import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createLatch } from '#common/time/latch.js';
import { PaneletError } from '#common/errors/errors.js';
import type { ProcessId, ProcessTable } from './process-table.js';

/** A worker process to start. */
export interface LaunchOptions {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Its standard output and error are appended here, so that it never depends on a pipe to the agent. */
  readonly logFile: string;
}

/** A worker process that lives, a child or one that was found. */
export interface WorkerProcess {
  readonly id: ProcessId;
  /** Resolves when it is gone, with what is known about how. */
  readonly exited: Promise<string>;
}

/** Starts worker processes. */
export type Launcher = (options: LaunchOptions) => Promise<WorkerProcess>;

const logLimitBytes = 16 * 1024 * 1024;

/**
 * Launcher of detached processes: each leads its own session and process group and outlives the agent.
 * The launcher throws PANEL_FAILED when the command cannot be started.
 */
export function createLauncher(table: ProcessTable): Launcher {
  return async ({ argv, env, logFile }) => {
    const [command = '', ...rest] = argv;
    const log = openLog(logFile);
    const exited = createLatch<string>();
    const started = createLatch();
    try {
      const child = spawn(command, rest, { detached: true, stdio: ['ignore', log, log], env });
      child.once('spawn', () => started.resolve());
      child.once('error', (cause) => {
        started.reject(new PaneletError('PANEL_FAILED', `The command cannot be started: ${cause.message}`, { cause }));
      });
      child.once('exit', (code, signal) =>
        exited.resolve(signal === null ? `code ${code ?? '?'}` : `signal ${signal}`),
      );
      child.unref();
      await started.promise;
      const id = child.pid === undefined ? undefined : table.find(child.pid);
      // Gone already: its exit event follows.
      return { id: id ?? { pid: child.pid ?? 0, startTime: 'gone' }, exited: exited.promise };
    } finally {
      closeSync(log);
    }
  };
}

function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > logLimitBytes) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}
