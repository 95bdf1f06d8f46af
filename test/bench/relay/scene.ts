import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials as grpcCredentials } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { prepareAgentSockets } from './agent-peer.js';
import type { WorkerTask } from './ends.js';
import type { DelayTask } from './delay-proxy.js';
import type { Peer, PeerKind } from './peers.js';
import { createProcesses, freePort, type Processes } from './processes.js';
import { writeTlsFiles } from './tls-files.js';

/** A worker and peers in front of it. */
export interface Scene {
  readonly peers: readonly Peer[];
  readonly worker: ChildProcess;
}

/** What there is to be in a scene. */
export interface SceneOptions {
  readonly clock: Clock;
  /** This program. */
  readonly self: string;
  readonly kinds: readonly PeerKind[];
  /** Clients use TLS. @default false */
  readonly tls?: boolean;
  /** One way, in milliseconds; without it, there is no delaying proxy. */
  readonly delayMs?: number;
  /** Aborts when the program is told to end. */
  readonly signal: AbortSignal;
}

/** Starts a worker and the peers, hands them to `use`, and ends all of them, also when that or a start fails. */
export async function withScene<T>(options: SceneOptions, use: (scene: Scene) => Promise<T>): Promise<T> {
  const { clock, self, signal } = options;
  signal.throwIfAborted();
  const dir = mkdtempSync(join(tmpdir(), 'pb-'));
  const processes = createProcesses({ dir, self, clock });
  const aborted = createLatch<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const run = async (): Promise<T> => use(await startScene({ ...options, dir, processes }));
  try {
    return await Promise.race([run(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    await processes.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

type Start = SceneOptions & { readonly dir: string; readonly processes: Processes };

async function startScene({ kinds, dir, processes, tls: withTls, delayMs }: Start): Promise<Scene> {
  const tls = withTls === true ? await writeTlsFiles(dir) : undefined;
  const workerSocket = join(dir, 'worker.sock');
  const task: WorkerTask = {
    sockets: [workerSocket, ...prepareAgentSockets(dir)],
    secure: tls === undefined ? undefined : { port: await freePort(), tls },
  };
  const worker = (await processes.role('worker', task)).child;
  const workerAddress = task.secure === undefined ? `unix:${workerSocket}` : `127.0.0.1:${task.secure.port}`;
  const credentials = tls === undefined ? undefined : grpcCredentials.createSsl(readFileSync(tls.caFile));
  const peers: Peer[] = [];
  for (const kind of kinds) {
    const started = await kind.start({ dir, workerSocket, workerAddress, tls, processes });
    peers.push({ name: kind.name, credentials, ...started });
  }
  if (delayMs === undefined) return { peers, worker };
  const delay: DelayTask = { delayMs, targets: peers.map(({ address }) => address) };
  const ports = (await processes.role('delay', delay)).answer as readonly number[];
  return {
    worker,
    peers: peers.map((peer, index) => ({ ...peer, delayedAddress: `127.0.0.1:${ports[index] ?? 0}` })),
  };
}
