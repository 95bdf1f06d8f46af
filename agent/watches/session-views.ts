import { Metadata } from '@grpc/grpc-js';
import { createChanges, type Changes } from '#common/changes.js';
import type { Clock } from '#common/time/clock.js';
import type { Session } from '#proto/session/v1/session.js';
import type { WorkerIdentity } from '../front/calls/headers.js';
import { workersOfNode } from '../gate/workers-of-node.js';
import type { AnsweringWorker } from '../workers/foreign-workers.js';
import type { Registry } from '../workers/registry.js';
import type { WorkerClients } from '../workers/worker-clients.js';
import { eachOnce } from './each-once.js';
import { WorkerSessions } from './worker-sessions.js';

/** What the views need. */
export interface SessionViewsDeps {
  readonly registry: Pick<Registry, 'changes' | 'workers' | 'foreign'>;
  readonly clock: Clock;
}

/** The sessions that one caller may see, over all workers of the node. */
export interface NodeSessionsView {
  readonly changes: Changes;
  /** Those of a panel, or of all where it is empty; oldest first. */
  list(panel: string): Session[];
  /** Resolves once each worker of the panel has said what it has, or had the time to. @throws the signal's reason */
  settled(panel: string, signal: AbortSignal): Promise<void>;
}

/** A view that somebody looks at. */
export interface UsedView {
  readonly view: NodeSessionsView;
  /** He looks no more. */
  readonly leave: () => void;
}

interface Shared {
  readonly view: CallerView;
  users: number;
}

/** Who asks, as metadata of a call to a worker. */
export function identityMetadata(identity: WorkerIdentity): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(identity)) metadata.set(key, String(value));
  return metadata;
}

/** What callers see of the sessions of a node. Whatever one caller watches how often, each worker is watched once for him, and not without him. */
export class SessionViews {
  readonly #deps: SessionViewsDeps;
  readonly #views = new Map<string, Shared>();

  constructor(deps: SessionViewsDeps) {
    this.#deps = deps;
  }

  /** Callers who watch. */
  get size(): number {
    return this.#views.size;
  }

  /** What somebody sees, as workers are told who that is. */
  open(identity: WorkerIdentity): UsedView {
    const key = JSON.stringify(identity);
    const shared = this.#views.get(key) ?? { view: new CallerView(this.#deps, identity), users: 0 };
    this.#views.set(key, shared);
    shared.users++;
    let isThere = true;
    const leave = (): void => {
      if (!isThere) return;
      isThere = false;
      shared.users--;
      if (shared.users > 0) return;
      this.#views.delete(key);
      shared.view.close();
    };
    return { view: shared.view, leave };
  }
}

interface Followed {
  readonly panel: string;
  readonly sessions: WorkerSessions;
}

class CallerView implements NodeSessionsView {
  readonly changes = createChanges();
  readonly #deps: SessionViewsDeps;
  readonly #metadata: Metadata;
  /** By the connection to the worker: one that comes back is another one. */
  readonly #followed = new Map<WorkerClients, Followed>();
  readonly #unsubscribe: () => void;

  constructor(deps: SessionViewsDeps, identity: WorkerIdentity) {
    this.#deps = deps;
    this.#metadata = identityMetadata(identity);
    this.#unsubscribe = deps.registry.changes.subscribe(() => this.#meet());
    this.#meet();
  }

  list(panel: string): Session[] {
    const all = this.#of(panel).flatMap(({ sessions }) => sessions.list());
    return eachOnce(all);
  }

  async settled(panel: string, signal: AbortSignal): Promise<void> {
    const isSettled = (): true | undefined =>
      this.#of(panel).every(({ sessions }) => sessions.isSettled) ? true : undefined;
    await this.changes.until(isSettled, signal);
  }

  close(): void {
    this.#unsubscribe();
    for (const { sessions } of this.#followed.values()) sessions.close();
    this.#followed.clear();
  }

  #of(panel: string): readonly Followed[] {
    return [...this.#followed.values()].filter((followed) => panel === '' || followed.panel === panel);
  }

  /** Follows the workers that answer now, and no other ones. */
  #meet(): void {
    const answering = workersOfNode(this.#deps.registry);
    const living = new Set(answering.map(({ clients }) => clients));
    let isNews = false;
    for (const [clients, { sessions }] of this.#followed) {
      if (living.has(clients)) continue;
      sessions.close();
      this.#followed.delete(clients);
      isNews = true;
    }
    for (const worker of answering) if (!this.#followed.has(worker.clients)) this.#follow(worker);
    if (isNews) this.changes.notify();
  }

  #follow({ panel, clients }: AnsweringWorker): void {
    const { clock } = this.#deps;
    const sessions = new WorkerSessions({
      ...{ clients, clock, metadata: this.#metadata },
      onChange: () => this.changes.notify(),
    });
    this.#followed.set(clients, { panel, sessions });
  }
}
