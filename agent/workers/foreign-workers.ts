import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Changes } from '#common/changes.js';
import { systemCode } from '#common/errors/storage-error.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { createBackoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import type { WatchRequest } from '#proto/worker/v1/worker.js';
import { createUpstream, type Upstream } from '../front/upstream/upstream.js';
import { namesIn } from './names-in.js';
import { podDirectory, podsDirectory } from './pod-directory.js';
import { panelOfSocket, type RunPlace } from './socket-places.js';
import { createWorkerConnection, type WorkerConnection } from './worker-connection.js';
import { createWorkerSocket } from './worker-socket.js';

/** A worker that another pod's agent has started: clients are let through to it, and it is nothing else to this agent. */
export interface ForeignWorker {
  readonly panel: string;
  readonly link: WorkerConnection;
  readonly upstream: Upstream;
}

/** What finding them needs. */
export interface ForeignWorkersDeps {
  readonly place: RunPlace;
  readonly self: WatchRequest;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly changes: Changes;
}

/** The workers that the agents of other pods of this node have started, found by their sockets as these come and go. */
export class ForeignWorkers {
  readonly #deps: ForeignWorkersDeps;
  readonly #found = new Map<string, ForeignWorker>();
  readonly #watchers = new Map<string, FSWatcher>();
  #isClosed = false;

  /** Looks at once, and again whenever a directory of a pod changes. An agent in no pod has no neighbours. */
  constructor(deps: ForeignWorkersDeps) {
    this.#deps = deps;
    if (deps.place.podUid !== '') this.#look();
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

  #look(): void {
    if (this.#isClosed) return;
    const { runDir, podUid } = this.#deps.place;
    const pods = podsDirectory(runDir);
    // Watched before it is read: what comes in between is seen twice, and not missed.
    this.#watch(pods);
    const others = namesIn(pods).map((name) => join(pods, name));
    const directories = others.filter((directory) => directory !== podDirectory(runDir, podUid));
    const there = new Set<string>();
    for (const directory of directories) {
      this.#watch(directory);
      for (const name of namesIn(directory)) {
        const panel = panelOfSocket(name);
        if (panel === undefined) continue;
        const path = join(directory, name);
        there.add(path);
        this.#meet(path, panel);
      }
    }
    for (const watched of [...this.#watchers.keys()]) {
      if (watched !== pods && !directories.includes(watched)) this.#unwatch(watched);
    }
    for (const [path, { link }] of [...this.#found]) {
      if (!there.has(path) && link.state().kind !== 'up') this.#forget(path);
    }
  }

  #meet(path: string, panel: string): void {
    const known = this.#found.get(path);
    if (known !== undefined) {
      if (known.link.state().kind !== 'up') known.link.kick();
      return;
    }
    const { clock, random, self, changes } = this.#deps;
    const log = this.#deps.log.child({ panel, foreign: path });
    const upstream = createUpstream({ socketPath: path, clock });
    const link = createWorkerConnection({
      ...{ panel, clock, log, self },
      socket: createWorkerSocket([path]),
      backoff: createBackoff(random, { initialMs: 20, maxMs: 1_000 }),
      // Its own agent says what is in force there.
      prepare: (_clients, status) => Promise.resolve(status),
      onChange: () => {
        changes.notify();
        if (this.#found.get(path)?.link.state().kind === 'absent') this.#look();
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
      const watcher = watch(directory, { persistent: false }, () => this.#look());
      watcher.on('error', () => this.#unwatch(directory));
      this.#watchers.set(directory, watcher);
    } catch (err) {
      if (systemCode(err) !== 'ENOENT')
        this.#deps.log.warn({ err, directory }, 'Workers of other agents may not be found');
    }
  }

  #unwatch(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }
}
