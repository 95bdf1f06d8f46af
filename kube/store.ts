import { keyOf } from './api.js';
import type { KubeObject } from './objects.js';

/** A change of one object. */
export interface Change<T extends KubeObject> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** Objects as they were last heard of. They are shared: never change them. */
export interface Store<T extends KubeObject> {
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects for which the index function of that name gave this value. */
  byIndex(index: string, value: string): readonly T[];
  /** Takes over a complete list. */
  replace(objects: readonly T[]): void;
  /** Takes over a newer state of an object; an older one than is known is ignored. */
  observe(object: T): void;
  remove(object: T): void;
  /** Calls `listener` after every change. */
  onChange(listener: (change: Change<T>) => void): void;
}

/** Values under which an object is found, by name of the index. */
export type IndexFunctions<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

/** How many deleted objects are remembered, so that a late answer does not bring one back. */
const rememberedDeletes = 1_000;

function versionOf(object: KubeObject): bigint | undefined {
  const text = object.metadata.resourceVersion ?? '';
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

/** Resource versions of one object are numbers that rise; where they are not, the later word counts. */
function isOlder(object: KubeObject, known: KubeObject): boolean {
  if (object.metadata.uid !== known.metadata.uid) return false;
  const [a, b] = [versionOf(object), versionOf(known)];
  return a !== undefined && b !== undefined && a < b;
}

/** An empty store with indexes. */
export function createStore<T extends KubeObject>(indexes: IndexFunctions<T> = {}): Store<T> {
  const objects = new Map<string, T>();
  const indexed = new Map<string, Map<string, Set<string>>>();
  const deleted = new Set<string>();
  const listeners: ((change: Change<T>) => void)[] = [];

  const eachIndex = (object: T, visit: (keys: Map<string, Set<string>>, value: string) => void): void => {
    for (const [name, values] of Object.entries(indexes)) {
      const keys = indexed.get(name) ?? new Map<string, Set<string>>();
      indexed.set(name, keys);
      for (const value of values(object)) visit(keys, value);
    }
  };
  const unindex = (key: string, object: T): void => {
    eachIndex(object, (keys, value) => {
      const found = keys.get(value);
      found?.delete(key);
      if (found?.size === 0) keys.delete(value);
    });
  };
  const change = (key: string, before: T | undefined, after: T | undefined): void => {
    if (before !== undefined) unindex(key, before);
    if (after === undefined) {
      objects.delete(key);
    } else {
      objects.set(key, after);
      eachIndex(after, (keys, value) => {
        const found = keys.get(value) ?? new Set<string>();
        keys.set(value, found.add(key));
      });
    }
    for (const listener of listeners) listener({ before, after });
  };
  const forget = (object: T): void => {
    deleted.add(object.metadata.uid ?? '');
    const oldest = deleted.values().next();
    if (deleted.size > rememberedDeletes && oldest.done !== true) deleted.delete(oldest.value);
  };
  const observe = (object: T): void => {
    if (deleted.has(object.metadata.uid ?? '')) return;
    const key = keyOf(object);
    const before = objects.get(key);
    if (before !== undefined && isOlder(object, before)) return;
    if (before?.metadata.uid === object.metadata.uid && isSameVersion(before, object)) return;
    change(key, before, object);
  };
  const remove = (object: T): void => {
    forget(object);
    const key = keyOf(object);
    const before = objects.get(key);
    if (before !== undefined && before.metadata.uid === object.metadata.uid) change(key, before, undefined);
  };
  return {
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    byIndex: (index, value) => [...(indexed.get(index)?.get(value) ?? [])].flatMap((key) => objects.get(key) ?? []),
    replace: (next) => {
      const uids = new Set(next.map((object) => object.metadata.uid));
      for (const object of [...objects.values()]) if (!uids.has(object.metadata.uid)) remove(object);
      for (const object of next) {
        deleted.delete(object.metadata.uid ?? '');
        observe(object);
      }
    },
    observe,
    remove,
    onChange: (listener) => void listeners.push(listener),
  };
}

function isSameVersion(a: KubeObject | undefined, b: KubeObject): boolean {
  const version = b.metadata.resourceVersion;
  return version !== undefined && a?.metadata.resourceVersion === version;
}
