import { createBackoff, type Backoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { ApiStatus, apiErrorOf, isExpired } from './api-status.js';
import type { KubeApi, ListOptions, Resource, WatchEvent } from './api.js';
import type { KubeObject } from './objects.js';
import type { Store } from './store.js';

/** What a reflector is made of. */
export interface ReflectorDeps<T extends KubeObject> {
  readonly api: KubeApi;
  readonly resource: Resource<T>;
  /** One namespace; all of them when not set. */
  readonly namespace?: string;
  /** Only objects whose fields are so, as `spec.signerName=x`; all of them when not set. */
  readonly fieldSelector?: string;
  /** True for a kind that a cluster may lack: then it has none of it, and is asked again now and then. @default false */
  readonly optional?: boolean;
  readonly store: Store<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Keeps a store like the server's objects. */
export interface Reflector {
  /** Lists and watches until the signal aborts. Never rejects: whatever fails is tried again. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves after the first complete list. */
  readonly synced: Promise<void>;
}

/** Objects a page of a list has. */
const pageSize = 500;
/** A watch that ended sooner than this without a word is not started again at once. */
const shortWatchMs = 1_000;

/** A kind that the cluster lacks is asked for again after this. */
const absentKindMs = 300_000;

/** Lists page by page, then watches from there; starts over when the server has forgotten where it was (410). */
export function createReflector<T extends KubeObject>(deps: ReflectorDeps<T>): Reflector {
  return new ListWatchReflector(deps);
}

class ListWatchReflector<T extends KubeObject> implements Reflector {
  readonly #deps: ReflectorDeps<T>;
  readonly #synced = createLatch();
  readonly #backoff: Backoff;
  /** Which of the objects. */
  readonly #scope: Pick<ListOptions, 'namespace' | 'fieldSelector'>;

  constructor(deps: ReflectorDeps<T>) {
    const { namespace, fieldSelector } = deps;
    this.#deps = deps;
    this.#backoff = createBackoff(deps.random, { initialMs: 200, maxMs: 30_000 });
    this.#scope = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#round(signal);
      } catch (error) {
        if (isAborted(signal)) return;
        await this.#afterFailure(error, signal);
      }
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    let version = await this.#listAll(signal);
    this.#synced.resolve();
    this.#backoff.reset();
    while (!signal.aborted) version = await this.#watchOnce(version, signal);
  }

  /** What is to be done, and how long to be waited, before the next round. */
  async #afterFailure(error: unknown, signal: AbortSignal): Promise<void> {
    const { resource, optional = false, store, clock, log } = this.#deps;
    if (isExpired(error)) {
      log.debug({ resource: resource.plural }, 'Watch expired, lists again');
    } else if (optional && isPaneletError(error, 'API_NOT_FOUND')) {
      log.info({ resource: resource.plural }, 'The cluster has no such kind');
      store.replace([]);
      this.#synced.resolve();
      await sleep(clock, absentKindMs, signal).catch(() => undefined);
    } else {
      log.warn({ err: error, resource: resource.plural }, 'List failed, is tried again');
      await this.#pause(signal).catch(() => undefined);
    }
  }

  async #listAll(signal: AbortSignal): Promise<string> {
    const { api, resource, store } = this.#deps;
    const objects: T[] = [];
    let token: string | undefined;
    let version = '';
    do {
      const page = await api.list(resource, {
        ...this.#scope,
        limit: pageSize,
        ...(token === undefined || token === '' ? {} : { continue: token }),
      });
      objects.push(...page.items);
      version = page.metadata.resourceVersion ?? version;
      token = page.metadata.continue;
      if (signal.aborted) return version;
    } while (token !== undefined && token !== '');
    store.replace(objects);
    return version;
  }

  /** Watches once; returns the version to go on from. */
  async #watchOnce(from: string, signal: AbortSignal): Promise<string> {
    const { api, resource, clock, log } = this.#deps;
    const seen: Seen = { version: from, failure: undefined };
    const inner = new AbortController();
    const stop = (): void => inner.abort();
    signal.addEventListener('abort', stop, { once: true });
    const onEvent = (event: WatchEvent<T>): void => {
      this.#take(event, seen);
      if (event.type === 'ERROR') inner.abort();
    };
    const startMs = clock.nowMs();
    try {
      await api.watch(resource, { ...this.#scope, resourceVersion: from, signal: inner.signal }, onEvent);
    } catch (error) {
      if (isExpired(error)) throw error;
      log.info({ err: error, resource: resource.plural }, 'Watch failed, goes on');
      await this.#pause(signal);
      return seen.version;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    const { version, failure } = seen;
    if (failure !== undefined && isExpired(failure)) throw failure;
    const silent = version === from && clock.nowMs() - startMs < shortWatchMs;
    if (failure !== undefined) log.info({ err: failure, resource: resource.plural }, 'Watch ended with an error');
    if (failure !== undefined || silent) await this.#pause(signal);
    return version;
  }

  #take(event: WatchEvent<T>, seen: Seen): void {
    const { store } = this.#deps;
    if (event.type === 'ERROR') {
      seen.failure = statusError(event.object);
      return;
    }
    if (event.type === 'DELETED') store.remove(event.object);
    else if (event.type !== 'BOOKMARK') store.observe(event.object);
    seen.version = event.object.metadata.resourceVersion ?? seen.version;
    this.#backoff.reset();
  }

  #pause(signal: AbortSignal): Promise<void> {
    return sleep(this.#deps.clock, this.#backoff.nextMs() + 20, signal);
  }
}

/** How far a watch has come. */
interface Seen {
  version: string;
  failure: Error | undefined;
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function statusError(object: unknown): Error {
  const status = object as { code?: unknown } | null;
  const code = typeof status?.code === 'number' ? status.code : 500;
  const error = apiErrorOf('watch', code, JSON.stringify(status));
  return error.cause instanceof ApiStatus ? error.cause : error;
}
