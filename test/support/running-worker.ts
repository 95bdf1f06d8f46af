import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { GateServiceClient } from '#proto/gate/v1/gate.js';
import { WorkerServiceClient } from '#proto/worker/v1/worker.js';
import type { DrainRules } from '#worker/drain/state.js';
import type { LifeLimits } from '#worker/sessions/life-limits.js';
import type { SessionsPerOwner } from '#worker/sessions/owner-quota.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { openPanelStorage, type PanelStorage, type PanelStorageDeps } from '#worker/storage/panel-storage.js';
import type { FileSystem } from '#common/files/file-system.js';
import { startWorker, type Worker } from '#worker/worker.js';
import { clientOptions } from './link-client.js';

/** How a worker of a test is set up. */
export interface RunningWorkerOptions {
  /** Where its state is; kept for the next worker. @default a new one, removed at the end */
  readonly dir?: string;
  readonly panel?: PanelDefinition;
  readonly detachTtlMs?: number;
  readonly maxSessions?: number;
  /** @default as many as there may be at all */
  readonly sessionsPerOwner?: SessionsPerOwner;
  readonly lifeLimits?: LifeLimits;
  readonly rules?: Partial<DrainRules>;
  readonly fileSystem?: FileSystem;
  /** How it comes to be one of those that have the state. @default as a process does that is alone */
  readonly join?: PanelStorageDeps['join'];
  /** @default below its directory */
  readonly socket?: string;
  readonly target?: 'agent' | 'host';
}

/** A worker in this process, on a real Unix socket with real storage. */
export interface RunningWorker {
  readonly worker: Worker;
  readonly storage: PanelStorage;
  readonly socket: string;
  readonly dir: string;
  readonly gate: GateServiceClient;
  readonly control: WorkerServiceClient;
  /** Ends it as SIGTERM would. @default 50 ms of grace for what is stuck */
  stop(graceMs?: number): Promise<void>;
}

/** A directory for a test, short enough for sockets. */
export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'pw-'));
}

/** Starts a worker in this process. */
export async function startRunningWorker(options: RunningWorkerOptions = {}): Promise<RunningWorker> {
  const dir = options.dir ?? (await temporaryDirectory());
  const random = createSystemRandom();
  const log = createSilentLog();
  const definition = options.panel ?? createEchoPanel();
  const storage = await openPanelStorage({
    stateDir: dir,
    panel: definition.name,
    clock: createSystemClock(),
    log,
    random,
    ...(options.fileSystem === undefined ? {} : { fileSystem: options.fileSystem }),
    ...(options.join === undefined ? {} : { join: options.join }),
  });
  const socket = options.socket ?? join(dir, 'run', `${definition.name}.sock`);
  const worker = await startWorker({
    definition,
    storage,
    clock: createSystemClock(),
    random,
    log,
    options: {
      socket,
      node: 'node-a',
      target: options.target ?? 'agent',
      pid: process.pid,
      detachTtlMs: options.detachTtlMs ?? 60_000,
      maxSessions: options.maxSessions ?? 100,
      sessionsPerOwner: options.sessionsPerOwner ?? { default: options.maxSessions ?? 100, of: {} },
      ...(options.lifeLimits === undefined ? {} : { lifeLimits: options.lifeLimits }),
      ...(options.rules === undefined ? {} : { rules: options.rules }),
    },
  });
  const gate = new GateServiceClient(`unix:${socket}`, credentials.createInsecure(), clientOptions);
  const control = new WorkerServiceClient(`unix:${socket}`, credentials.createInsecure(), clientOptions);
  return {
    worker,
    storage,
    socket,
    dir,
    gate,
    control,
    stop: async (graceMs = 50) => {
      gate.close();
      control.close();
      worker.terminate(graceMs);
      await worker.ended;
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}
