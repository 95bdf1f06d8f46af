import { parseFieldSelector } from './field-selector.js';
import { createHistory, type RecordedChange } from './history.js';
import { parseLabelSelector } from './label-selector.js';
import type { AnyObject } from './kube-object.js';
import type { StoreListOptions, StoreEvent, StoreWatchOptions } from './object-store.js';
import type { ResourceKind } from './resource-kind.js';

/** Whether an object is one of those a list or a watch asks for. */
export function createFilter(kind: ResourceKind, options: StoreListOptions): (object: AnyObject) => boolean {
  const hasLabels = parseLabelSelector(options.labelSelector);
  const hasFields = parseFieldSelector(kind, options.fieldSelector);
  const { ns } = options;
  return (object) =>
    (ns === undefined || ns === '' || object.metadata.namespace === ns) &&
    hasLabels(object.metadata.labels) &&
    hasFields(object);
}

/** What a change looks like through a filter; undefined when it is not seen. */
export function seenThrough(
  change: StoreEvent<AnyObject>,
  matches: (object: AnyObject) => boolean,
): StoreEvent<AnyObject> | undefined {
  const { object, previous, resourceVersion } = change;
  const before = previous !== undefined && matches(previous);
  if (change.type === 'DELETED') return before || (previous === undefined && matches(object)) ? change : undefined;
  const now = matches(object);
  if (now && before) return { ...change, type: 'MODIFIED' };
  if (now) return { ...change, type: 'ADDED' };
  if (!before) return undefined;
  // As the real server does: the last state that matched, with the version of the change that ended the match.
  return { ...change, type: 'DELETED', object: { ...previous, metadata: { ...previous.metadata, resourceVersion } } };
}

/** Tells changes to watchers, each in order and none before its `watch` returned. */
export interface ChangeFeed {
  publish(change: RecordedChange): void;
  watch(kind: ResourceKind, options: StoreWatchOptions, listener: (event: StoreEvent<AnyObject>) => void): () => void;
}

interface Watcher {
  readonly resource: string;
  readonly tell: (change: RecordedChange) => void;
  readonly queue: RecordedChange[];
  stopped: boolean;
}

/** A feed that keeps at least `capacity` changes for watches that begin in the past. */
export function createChangeFeed(capacity: number, startVersion: number): ChangeFeed {
  const history = createHistory(capacity, startVersion);
  const watchers = new Set<Watcher>();
  const deliver = (watcher: Watcher): void => {
    for (let change = watcher.queue.shift(); change !== undefined; change = watcher.queue.shift()) {
      if (watcher.stopped) return;
      watcher.tell(change);
    }
  };
  const enqueue = (watcher: Watcher, change: RecordedChange): void => {
    watcher.queue.push(change);
    if (watcher.queue.length === 1) queueMicrotask(() => deliver(watcher));
  };
  return {
    publish: (change) => {
      history.add(change);
      for (const watcher of watchers) if (watcher.resource === change.resource) enqueue(watcher, change);
    },
    watch: (kind, options, listener) => {
      const matches = createFilter(kind, options);
      const past = options.fromResourceVersion === undefined ? [] : history.since(Number(options.fromResourceVersion));
      const tell = (change: RecordedChange): void => {
        const seen = seenThrough(change, matches);
        if (seen !== undefined) listener(seen);
      };
      const watcher: Watcher = { resource: kind.plural, tell, queue: [], stopped: false };
      watchers.add(watcher);
      for (const change of past) if (change.resource === watcher.resource) enqueue(watcher, change);
      return () => {
        watcher.stopped = true;
        watcher.queue.length = 0;
        watchers.delete(watcher);
      };
    },
  };
}
