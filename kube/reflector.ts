import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { ApiStatus, apiErrorOf, isExpired } from './api-status.js';
import type { KubeApi, Resource, WatchEvent } from './api.js';
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
  const { api, resource, namespace, fieldSelector, optional = false, store, clock, random, log } = deps;
  const synced = createLatch();
  const backoff = createBackoff(random, { initialMs: 200, maxMs: 30_000 });
  const scope = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };

  const listAll = async (signal: AbortSignal): Promise<string> => {
    const objects: T[] = [];
    let token: string | undefined;
    let version = '';
    do {
      const page = await api.list(resource, {
        ...scope,
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
  };

  /** Watches once; returns the version to go on from. */
  const watchOnce = async (from: string, signal: AbortSignal): Promise<string> => {
    let version = from;
    let failure: Error | undefined;
    const inner = new AbortController();
    const stop = (): void => inner.abort();
    signal.addEventListener('abort', stop, { once: true });
    const onEvent = (event: WatchEvent<T>): void => {
      if (event.type === 'ERROR') {
        failure = statusError(event.object);
        inner.abort();
        return;
      }
      if (event.type === 'DELETED') store.remove(event.object);
      else if (event.type !== 'BOOKMARK') store.observe(event.object);
      version = event.object.metadata.resourceVersion ?? version;
      backoff.reset();
    };
    const startMs = clock.nowMs();
    try {
      await api.watch(resource, { ...scope, resourceVersion: from, signal: inner.signal }, onEvent);
    } catch (error) {
      if (isExpired(error)) throw error;
      log.info({ err: error, resource: resource.plural }, 'watch failed, goes on');
      await sleep(clock, backoff.nextMs() + 20, signal);
      return version;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (failure !== undefined && isExpired(failure)) throw failure;
    const silent = version === from && clock.nowMs() - startMs < shortWatchMs;
    if (failure !== undefined) log.info({ err: failure, resource: resource.plural }, 'watch ended with an error');
    if (failure !== undefined || silent) await sleep(clock, backoff.nextMs() + 20, signal);
    return version;
  };

  const round = async (signal: AbortSignal): Promise<void> => {
    let version = await listAll(signal);
    synced.resolve();
    backoff.reset();
    while (!signal.aborted) version = await watchOnce(version, signal);
  };

  return {
    synced: synced.promise,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await round(signal);
        } catch (error) {
          if (isAborted(signal)) return;
          if (isExpired(error)) {
            log.debug({ resource: resource.plural }, 'watch expired, lists again');
            continue;
          }
          if (optional && isPaneletError(error, 'API_NOT_FOUND')) {
            log.info({ resource: resource.plural }, 'the cluster has no such kind');
            store.replace([]);
            synced.resolve();
            await sleep(clock, absentKindMs, signal).catch(() => undefined);
            continue;
          }
          log.warn({ err: error, resource: resource.plural }, 'list failed, is tried again');
          await sleep(clock, backoff.nextMs() + 20, signal).catch(() => undefined);
        }
      }
    },
  };
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
