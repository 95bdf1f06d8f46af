import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import type { Kubectl } from '../../cli/cluster/kubectl.js';

/** As much of any object of the API as following it needs. */
export interface ListedObject {
  readonly metadata: { readonly uid: string };
}

/** What is followed. */
export interface ListPath {
  /** For example `/api/v1/namespaces/panelet-system/pods`. */
  readonly path: string;
  /** For example `labelSelector`. */
  readonly query?: Readonly<Record<string, string>>;
}

/** Who is told. */
export interface ListSink<Listed extends ListedObject> {
  /** All there is now. */
  listed(objects: readonly Listed[]): void;
  changed(object: Listed): void;
  gone(uid: string): void;
  /** Why nothing can be seen; undefined once it can be seen (again). */
  trouble(text: string | undefined): void;
}

/** What a list is followed with. */
export interface FollowDeps {
  /** Its signal ends the following, too. */
  readonly kubectl: Kubectl;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

interface Page<Listed> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly Listed[];
}

interface WatchEvent<Listed> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Listed;
}

// As kubectl asks for; a page of pods is a few MiB then.
const pageSize = 500;
const retry = { initialMs: 1_000, maxMs: 30_000 };
/** A watch that has gone on for so long was one: what comes after it is begun at once, in milliseconds. */
const lastingMs = 60_000;

function address({ path, query = {} }: ListPath, more: Readonly<Record<string, string>>): string {
  return `${path}?${new URLSearchParams({ ...query, ...more }).toString()}`;
}

/**
 * Lists, and watches from there on: one kubectl for as long as the API server goes on with the watch. Whatever ends it, it begins anew from a
 * list, later and later while that fails, or the watch ends at once.
 */
export async function followList<Listed extends ListedObject>(
  deps: FollowDeps,
  what: ListPath,
  sink: ListSink<Listed>,
): Promise<void> {
  const { clock, random, signal } = deps;
  const backoff = createBackoff(random, retry);
  while (!signal.aborted) {
    try {
      const version = await list(deps, what, sink);
      sink.trouble(undefined);
      const sinceMs = clock.nowMs();
      await watch(deps, address(what, { watch: 'true', resourceVersion: version }), sink).finally(() => {
        if (clock.nowMs() - sinceMs >= lastingMs) backoff.reset();
      });
    } catch (error) {
      // Who stops the board has no trouble.
      if (deps.signal.aborted) return;
      sink.trouble(PaneletError.from(error, 'API_UNAVAILABLE').message);
    }
    await sleep(clock, backoff.nextMs(), signal).catch(() => undefined);
  }
}

/** @returns the version that the list is of */
async function list<Listed extends ListedObject>(
  { kubectl }: FollowDeps,
  what: ListPath,
  sink: ListSink<Listed>,
): Promise<string> {
  const found: Listed[] = [];
  let next: string | undefined = '';
  let version = '';
  while (next !== undefined) {
    const query = { limit: String(pageSize), ...(next === '' ? {} : { continue: next }) };
    const page = JSON.parse(await kubectl.run(['get', '--raw', address(what, query)])) as Page<Listed>;
    found.push(...(page.items ?? []));
    version = page.metadata?.resourceVersion ?? '';
    next = page.metadata?.continue === '' ? undefined : page.metadata?.continue;
  }
  sink.listed(found);
  return version;
}

/** Returns when the watch has ended by itself, or what it began with is too old. */
async function watch<Listed extends ListedObject>(
  { kubectl }: FollowDeps,
  raw: string,
  sink: ListSink<Listed>,
): Promise<void> {
  for await (const line of kubectl.lines(['get', '--raw', raw])) {
    if (line === '') continue;
    const { type, object } = JSON.parse(line) as WatchEvent<Listed>;
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        sink.changed(object);
        break;
      case 'DELETED':
        sink.gone(object.metadata.uid);
        break;
      case 'ERROR':
        return;
      case 'BOOKMARK':
        break;
    }
  }
}
