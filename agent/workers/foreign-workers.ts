import { watch, type FSWatcher } from 'node:fs';
import type { Changes } from '#common/changes.js';
import { systemCode } from '#common/errors/storage-error.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { createBackoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import { Target } from '#proto/gate/v1/gate.js';
import type { WatchRequest } from '#proto/worker/v1/worker.js';
import { createUpstream, type Upstream } from '../front/upstream/upstream.js';
import { findForeignSockets } from './foreign-sockets.js';
import type { RunPlace } from './socket-places.js';
import type { WorkerClients } from './worker-clients.js';
import { createWorkerConnection, type WorkerConnection } from './worker-connection.js';
import { createWorkerSocket } from './worker-socket.js';

/** A worker that belongs to another pod: clients are let through to it, its sessions are listed, and it is nothing else to this agent. */
export interface ForeignWorker {
  readonly panel: string;
  readonly link: WorkerConnection;
  readonly upstream: Upstream;
}

/** What a worker of another pod is asked by. */
export interface AnsweringWorker {
  readonly panel: string;
  readonly clients: WorkerClients;
}

/** Those of workers of other pods that answer at this moment. */
export function answering(workers: readonly ForeignWorker[]): readonly AnsweringWorker[] {
  return workers.flatMap(({ panel, link }) => {
    const state = link.state();
    return state.kind === 'up' ? [{ panel, clients: state.clients }] : [];
  });
}

/** Whether a worker of another pod shows that this pod has an agent: it is killed together with that one. */
export function isBesideAgent({ link }: ForeignWorker): boolean {
  const state = link.state();
  return state.kind === 'up' && state.about.target === Target.AGENT;
}

/** What finding them needs. */
export interface ForeignWorkersDeps {
  readonly place: RunPlace;
  readonly self: WatchRequest;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly changes: Changes;
  /** Sockets of hosts, of whichever pod, and their panels; those that came first come first. `isNews` where a directory has changed. */
  readonly onHosts: (sockets: ReadonlyMap<string, string>, isNews: boolean) => void;
}

/** The workers of other pods of this node, found by their sockets as these come and go. */
export class ForeignWorkers {
  readonly #deps: ForeignWorkersDeps;
  readonly #found = new Map<string, ForeignWorker>();
  readonly #watchers = new Map<string, FSWatcher>();
  #isClosed = false;

  /** Looks at once, and again whenever a directory of a pod changes. */
  constructor(deps: ForeignWorkersDeps) {
    this.#deps = deps;
    this.look(true);
  }

  /** Those that answer. */
  up(): readonly ForeignWorker[] {
    return [...this.#found.values()].filter(({ link }) => link.state().kind === 'up');
  }

  close(): void {
    this.#isClosed = true;
    for (const watcher of this.#watchers.values()) watcher.close();
    for (const path of [...this.#found.keys()]) this.#forget(path);
  }

  /** Looks again now. `isNews` where something may have come to a socket that is known: it is asked at once. */
  look(isNews: boolean): void {
    if (this.#isClosed) return;
    const entered = new Set<string>();
    // Watched before it is read: what comes in between is seen twice, and not missed.
    const { sockets, hosts } = findForeignSockets(this.#deps.place, (directory) => {
      entered.add(directory);
      this.#watch(directory);
    });
    for (const [path, panel] of sockets) this.#meet(path, panel, isNews);
    for (const watched of [...this.#watchers.keys()]) if (!entered.has(watched)) this.#unwatch(watched);
    for (const [path, { link }] of [...this.#found]) {
      if (!sockets.has(path) && link.state().kind !== 'up') this.#forget(path);
    }
    this.#deps.onHosts(hosts, isNews);
  }

  #meet(path: string, panel: string, isNews: boolean): void {
    const known = this.#found.get(path);
    if (known !== undefined) {
      if (isNews && known.link.state().kind !== 'up') known.link.kick();
      return;
    }
    const { clock, random, self, changes } = this.#deps;
    const log = this.#deps.log.child({ panel, foreign: path });
    const upstream = createUpstream({ socketPath: path, clock });
    const link = createWorkerConnection({
      ...{ panel, clock, log, self },
      socket: createWorkerSocket(() => [path]),
      backoff: createBackoff(random, { initialMs: 20, maxMs: 1_000 }),
      // Its own agent says what is in force there.
      prepare: (_clients, status) => Promise.resolve(status),
      onChange: () => {
        changes.notify();
        if (this.#found.get(path)?.link.state().kind === 'absent') this.look(false);
      },
      onSilent: () => upstream.cut(),
    });
    this.#found.set(path, { panel, link, upstream });
  }

  #forget(path: string): void {
    const worker = this.#found.get(path);
    this.#found.delete(path);
    worker?.link.close();
    worker?.upstream.close();
  }

  #watch(directory: string): void {
    if (this.#watchers.has(directory)) return;
    try {
      const watcher = watch(directory, { persistent: false }, () => this.look(true));
      watcher.on('error', () => this.#unwatch(directory));
      this.#watchers.set(directory, watcher);
    } catch (err) {
      // One that the kubelet has just made is not this user's yet; when it is, that is a change in the directory above.
      if (!['ENOENT', 'EACCES'].includes(systemCode(err) ?? ''))
        this.#deps.log.warn({ err, directory }, 'Workers of other agents may not be found');
    }
  }

  #unwatch(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }
}
