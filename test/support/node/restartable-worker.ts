import { join } from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { makeDirectory } from '#common/files/make-directory.js';
import { SessionServiceClient, type ListSessionsResponse, type Session } from '#proto/session/v1/session.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { ask } from '../gate-calls.js';
import { createMemoryDisk, type MountedDisk } from '../memory-disk.js';
import { createMemoryInstances, type MemoryInstance } from '../memory-instances.js';
import { startPassage } from '../passage.js';
import { startRunningWorker, type RunningWorker } from '../running-worker.js';

/** Workers of one panel that follow each other on the same disk, at the same socket. */
export interface RestartableWorker {
  /** The one that runs. */
  readonly running: RunningWorker;
  /** Sessions of everybody, as the worker lists them. */
  sessions(): Promise<readonly Session[]>;
  /** Ends it as SIGTERM does, which seals what can be sealed, and starts the next one. */
  restart(): Promise<void>;
  /** Ends it as SIGKILL does: connections are gone, and nothing more is written. Starts the next one. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

/** Where workers of a panel are. */
export interface RestartableWorkerOptions {
  readonly panel: PanelDefinition;
  /** A short directory for what they need. */
  readonly dir: string;
  /** Where their agent looks for them. */
  readonly socket: string;
}

// As long as pods have by default, so that whoever is slow is waited for.
const graceMs = 30_000;

/** Starts the first one. */
export async function startRestartableWorker(options: RestartableWorkerOptions): Promise<RestartableWorker> {
  const { panel, dir, socket } = options;
  const disk = createMemoryDisk();
  const instances = createMemoryInstances();
  const dying: Promise<void>[] = [];
  let starts = 0;
  let mounted: MountedDisk;
  let instance: MemoryInstance;
  let running: RunningWorker;
  const start = async (): Promise<void> => {
    mounted = disk.mount();
    instance = instances.join();
    running = await startRunningWorker({
      ...{ dir, panel, maxSessions: 1_000, fileSystem: mounted.fileSystem },
      socket: join(dir, `${panel.name}-${++starts}.sock`),
      join: () => Promise.resolve(instance),
    });
  };
  await start();
  await makeDirectory(join(socket, '..'), 0o700);
  const passage = await startPassage(socket, () => ({ path: running.socket }));
  return {
    get running() {
      return running;
    },
    sessions: () => listSessions(running.socket),
    restart: async () => {
      await running.stop(graceMs);
      await passage.block();
      await start();
      await passage.open();
    },
    crash: async () => {
      mounted.detach();
      instance.kill();
      await passage.block();
      dying.push(running.stop(0));
      await start();
      await passage.open();
    },
    close: async () => {
      await passage.block();
      await Promise.all([...dying, running.stop(0)]);
    },
  };
}

async function listSessions(socket: string): Promise<readonly Session[]> {
  const client = new SessionServiceClient(`unix:${socket}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('panelet-identity', 'a test');
  metadata.set('panelet-roles', 'admin');
  try {
    const { sessions } = await ask<ListSessionsResponse>((callback) =>
      client.listSessions({ panel: '' }, metadata, callback),
    );
    return sessions;
  } finally {
    client.close();
  }
}
