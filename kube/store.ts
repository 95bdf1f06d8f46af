import { keyOf } from './api.js';
import type { KubeObject } from './objects.js';

/** A change of one object. */
export interface Change<T extends KubeObject> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** What has happened to objects of an index since somebody last looked. */
export interface News<T extends KubeObject> {
  /** To be handed in the next time. */
  readonly upTo: number;
  /** In order; undefined where too much has happened to be remembered, and all have to be looked at. */
  readonly changes: readonly Change<T>[] | undefined;
}

/** Objects as they were last heard of. They are shared: never change them. */
export interface Store<T extends KubeObject> {
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects for which the index function of that name gave this value; the same array until one of them changes. */
  byIndex(index: string, value: string): readonly T[];
  /**
   * What has happened to the objects of {@link Store.byIndex} since a look that said `upTo`; one that was never looked at has
   * everything to be looked at.
   */
  newsOf(index: string, value: string, upTo: number | undefined): News<T>;
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
/** How many changes are remembered for each value of an index that somebody has asked for news of. */
const rememberedChanges = 500;

/** An empty store with indexes. */
export function createStore<T extends KubeObject>(indexes: IndexFunctions<T> = {}): Store<T> {
  return new IndexedStore(indexes);
}

class IndexedStore<T extends KubeObject> implements Store<T> {
  readonly #indexes: IndexFunctions<T>;
  readonly #objects = new Map<string, T>();
  /** By name of the index and value. */
  readonly #indexed = new Map<string, Map<string, Indexed<T>>>();
  /** Uids, the one deleted longest ago first. */
  readonly #deleted = new Set<string>();
  readonly #listeners: ((change: Change<T>) => void)[] = [];
  /** Changes so far. */
  #count = 0;

  constructor(indexes: IndexFunctions<T>) {
    this.#indexes = indexes;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  byIndex(index: string, value: string): readonly T[] {
    const found = this.#indexed.get(index)?.get(value);
    if (found === undefined) return [];
    found.list ??= [...found.objects.values()];
    return found.list;
  }

  newsOf(index: string, value: string, upTo: number | undefined): News<T> {
    const found = this.#indexed.get(index)?.get(value);
    const now = { upTo: this.#count };
    if (found === undefined) return { ...now, changes: undefined };
    found.journal ??= { from: this.#count, changes: [] };
    const { from, changes } = found.journal;
    if (upTo === undefined || upTo < from) return { ...now, changes: undefined };
    return { ...now, changes: changes.filter(({ at }) => at > upTo).map(({ change }) => change) };
  }

  replace(objects: readonly T[]): void {
    const uids = new Set(objects.map((object) => object.metadata.uid));
    for (const object of this.list()) if (!uids.has(object.metadata.uid)) this.remove(object);
    for (const object of objects) {
      this.#deleted.delete(object.metadata.uid ?? '');
      this.observe(object);
    }
  }

  observe(object: T): void {
    if (this.#deleted.has(object.metadata.uid ?? '')) return;
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined && isOlder(object, before)) return;
    if (before?.metadata.uid === object.metadata.uid && isSameVersion(before, object)) return;
    this.#change(key, before, object);
  }

  remove(object: T): void {
    this.#rememberDelete(object);
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined && before.metadata.uid === object.metadata.uid) this.#change(key, before, undefined);
  }

  onChange(listener: (change: Change<T>) => void): void {
    this.#listeners.push(listener);
  }

  #rememberDelete(object: T): void {
    this.#deleted.add(object.metadata.uid ?? '');
    const oldest = this.#deleted.values().next();
    if (this.#deleted.size > rememberedDeletes && oldest.done !== true) this.#deleted.delete(oldest.value);
  }

  #change(key: string, before: T | undefined, after: T | undefined): void {
    this.#count++;
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    for (const [name, valuesOf] of Object.entries(this.#indexes)) {
      const values = after === undefined ? [] : valuesOf(after);
      const left = before === undefined ? [] : valuesOf(before).filter((value) => !values.includes(value));
      const byValue = this.#indexed.get(name) ?? new Map<string, Indexed<T>>();
      this.#indexed.set(name, byValue);
      for (const value of left) removeFrom(byValue, value, { key, at: this.#count });
      if (after !== undefined)
        for (const value of values) addTo(byValue, value, { key, object: after, at: this.#count });
    }
    for (const listener of this.#listeners) listener({ before, after });
  }
}

/** Objects that have one value in common. */
interface Indexed<T> {
  /** By key. */
  readonly objects: Map<string, T>;
  /** The same as a list, once somebody has asked. */
  list: readonly T[] | undefined;
  /** The last changes, once somebody has asked. */
  journal: Journal<T> | undefined;
}

/** Changes that came after the one of the number `from`. */
interface Journal<T> {
  from: number;
  readonly changes: {
    readonly at: number;
    readonly change: { readonly before: T | undefined; readonly after: T | undefined };
  }[];
}

/** Forgets the older half once there are too many. */
function note<T>({ journal }: Indexed<T>, at: number, before: T | undefined, after: T | undefined): void {
  if (journal === undefined) return;
  journal.changes.push({ at, change: { before, after } });
  if (journal.changes.length <= rememberedChanges) return;
  const forgotten = journal.changes.splice(0, rememberedChanges / 2);
  journal.from = forgotten.at(-1)?.at ?? journal.from;
}

/** An object that was there already keeps its place. */
function addTo<T>(
  byValue: Map<string, Indexed<T>>,
  value: string,
  { key, object, at }: { readonly key: string; readonly object: T; readonly at: number },
): void {
  const found = byValue.get(value) ?? { objects: new Map<string, T>(), list: undefined, journal: undefined };
  note(found, at, found.objects.get(key), object);
  found.objects.set(key, object);
  found.list = undefined;
  byValue.set(value, found);
}

function removeFrom<T>(
  byValue: Map<string, Indexed<T>>,
  value: string,
  { key, at }: { readonly key: string; readonly at: number },
): void {
  const found = byValue.get(value);
  if (found === undefined) return;
  note(found, at, found.objects.get(key), undefined);
  found.objects.delete(key);
  found.list = undefined;
  if (found.objects.size === 0) byValue.delete(value);
}

/** Resource versions of one object are numbers that rise; where they are not, the later word counts. */
function isOlder(object: KubeObject, known: KubeObject): boolean {
  if (object.metadata.uid !== known.metadata.uid) return false;
  const [a, b] = [versionOf(object), versionOf(known)];
  return a !== undefined && b !== undefined && a < b;
}

function versionOf(object: KubeObject): bigint | undefined {
  const text = object.metadata.resourceVersion ?? '';
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

function isSameVersion(a: KubeObject | undefined, b: KubeObject): boolean {
  const version = b.metadata.resourceVersion;
  return version !== undefined && a?.metadata.resourceVersion === version;
}
