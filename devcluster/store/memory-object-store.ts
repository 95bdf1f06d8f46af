import type { Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';
import { admitNew, admitUpdate } from './admission.js';
import { createChangeFeed, createFilter } from './change-feed.js';
import { compareText } from './compare-text.js';
import { checkPreconditions, isReleased, planDeletion } from './deletion.js';
import type { Journal, JournalContent } from './journal.js';
import { copyOf, deepFreeze, isSameJson } from './json-copy.js';
import { keyOf, type AnyObject, type StoredObject } from './kube-object.js';
import type {
  DeleteOptions,
  Deletion,
  StoreListOptions,
  ObjectList,
  ObjectStore,
  StoreEvent,
  WriteOptions,
} from './object-store.js';
import { alreadyExists, badRequest, forbidden, notFound } from './refusals.js';
import type { ResourceKind } from './resource-kind.js';

/** What {@link createObjectStore} needs. */
export interface ObjectStoreDeps {
  readonly kinds: readonly ResourceKind[];
  readonly clock: Clock;
  readonly random: Random;
  /** The last word on a new object, which is complete but for its resource version. @throws StatusError to refuse it. */
  readonly refuse?: (store: ObjectStore, kind: ResourceKind, object: AnyObject) => void;
  /** Where changes are kept; in memory only when left out. */
  readonly disk?: { readonly journal: Journal; readonly content: JournalContent };
  /** Changes kept at least for watches that begin in the past. @default 10000 */
  readonly historySize?: number;
  /** Size of the log at which it is folded into the snapshot, in bytes. @default 16 MiB */
  readonly compactBytes?: number;
}

/** Objects by resource and key. */
class State {
  private readonly tables = new Map<string, Map<string, AnyObject>>();
  version = 0;

  table(resource: string): Map<string, AnyObject> {
    const found = this.tables.get(resource) ?? new Map<string, AnyObject>();
    this.tables.set(resource, found);
    return found;
  }

  put(resource: string, object: AnyObject): void {
    this.table(resource).set(keyOf(object.metadata.namespace, object.metadata.name), object);
  }

  remove(resource: string, object: AnyObject): void {
    this.table(resource).delete(keyOf(object.metadata.namespace, object.metadata.name));
  }

  all(): { resource: string; object: AnyObject }[] {
    return [...this.tables].flatMap(([resource, table]) => [...table.values()].map((object) => ({ resource, object })));
  }
}

/** The store of the dev cluster: state in memory, every change in the journal before it can be seen. */
class MemoryObjectStore implements ObjectStore {
  private readonly kinds: ReadonlyMap<string, ResourceKind>;
  private readonly state = new State();
  private readonly feed;

  constructor(private readonly deps: ObjectStoreDeps) {
    this.kinds = new Map(deps.kinds.map((kind) => [kind.plural, kind]));
    const content = deps.disk?.content ?? { version: 0, objects: [], records: [] };
    this.state.version = content.version;
    this.feed = createChangeFeed(deps.historySize ?? 10_000, content.version);
    for (const { resource, object } of content.objects) this.state.put(resource, deepFreeze(object));
    for (const record of content.records) {
      const object = deepFreeze(record.object);
      const { namespace, name } = object.metadata;
      const previous = this.state.table(record.resource).get(keyOf(namespace, name));
      this.apply(record.type, record.resource, object, previous);
    }
  }

  get resourceVersion(): string {
    return String(this.state.version);
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows the shape of a resource
  get<T extends StoredObject>(resource: string, ns: string | undefined, name: string): T | undefined {
    return this.state.table(this.kindOf(resource).plural).get(keyOf(ns, name)) as T | undefined;
  }

  list<T extends StoredObject>(resource: string, options: StoreListOptions = {}): ObjectList<T> {
    const matches = createFilter(this.kindOf(resource), options);
    const items = [...this.state.table(resource)].filter(([, object]) => matches(object));
    items.sort(([left], [right]) => compareText(left, right));
    return { items: items.map(([, object]) => object as unknown as T), resourceVersion: this.resourceVersion };
  }

  async create<T extends StoredObject>(resource: string, object: T, options: WriteOptions = {}): Promise<T> {
    const kind = this.kindOf(resource);
    const admitted = admitNew(kind, object as unknown as AnyObject, this.deps);
    const { name, namespace } = admitted.metadata;
    this.checkNamespace(kind, namespace, name);
    const twin = this.get(resource, namespace, name);
    if (twin !== undefined) throw alreadyExists(kind, name, twin.metadata.deletionTimestamp !== undefined);
    this.deps.refuse?.(this, kind, admitted);
    if (options.dryRun === true) return admitted as unknown as T;
    return (await this.commit('ADDED', kind, admitted, undefined)) as unknown as T;
  }

  async update<T extends StoredObject>(resource: string, object: T, options: WriteOptions = {}): Promise<T> {
    const kind = this.kindOf(resource);
    const old = this.need(kind, object.metadata.namespace, object.metadata.name);
    return (await this.write(kind, object as unknown as AnyObject, old, options)) as unknown as T;
  }

  async mutate<T extends StoredObject>(
    resource: string,
    key: { readonly ns?: string | undefined; readonly name: string },
    change: (object: T) => void,
    options: WriteOptions = {},
  ): Promise<T> {
    const kind = this.kindOf(resource);
    const old = this.need(kind, key.ns, key.name);
    const copy = copyOf(old);
    // No other write can come between: reading, changing and committing happen in one turn of the event loop.
    change(copy as unknown as T);
    return (await this.write(kind, copy, old, options)) as unknown as T;
  }

  async delete<T extends StoredObject>(
    resource: string,
    ns: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<Deletion<T>> {
    const kind = this.kindOf(resource);
    const stored = this.need(kind, ns, name);
    checkPreconditions(kind, stored, options);
    const step = planDeletion(kind, stored, options, this.deps.clock);
    const gone = step.kind === 'remove';
    if (step.kind === 'unchanged') return { object: stored as unknown as T, gone };
    const next = step.object;
    if (options.dryRun === true) return { object: next as unknown as T, gone };
    const object = await this.commit(gone ? 'DELETED' : 'MODIFIED', kind, next, stored);
    return { object: object as unknown as T, gone };
  }

  watch<T extends StoredObject>(
    resource: string,
    options: StoreListOptions & { readonly fromResourceVersion?: string },
    listener: (event: StoreEvent<T>) => void,
  ): () => void {
    return this.feed.watch(this.kindOf(resource), options, (event) => listener(event as unknown as StoreEvent<T>));
  }

  async close(): Promise<void> {
    await this.deps.disk?.journal.close();
  }

  private kindOf(resource: string): ResourceKind {
    const kind = this.kinds.get(resource);
    if (kind === undefined) throw badRequest(`the dev cluster has no resource ${JSON.stringify(resource)}`);
    return kind;
  }

  private need(kind: ResourceKind, ns: string | undefined, name: string): AnyObject {
    const found = this.get<AnyObject>(kind.plural, ns, name);
    if (found === undefined) throw notFound(kind, name);
    return found;
  }

  private checkNamespace(kind: ResourceKind, namespace: string | undefined, name: string): void {
    if (!kind.namespaced || namespace === undefined) return;
    const found = this.need(this.kindOf('namespaces'), undefined, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    throw forbidden(
      kind,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
  }

  private async write(kind: ResourceKind, asked: AnyObject, old: AnyObject, options: WriteOptions): Promise<AnyObject> {
    const admitted = admitUpdate(kind, asked, old, options.subresource);
    if (isSameJson(admitted, old)) return old;
    if (options.dryRun === true) return admitted;
    return this.commit(isReleased(admitted) ? 'DELETED' : 'MODIFIED', kind, admitted, old);
  }

  /** Visible at once, resolves when it is on disk. */
  private async commit(
    type: StoreEvent<AnyObject>['type'],
    kind: ResourceKind,
    object: AnyObject,
    previous: AnyObject | undefined,
  ): Promise<AnyObject> {
    const version = this.state.version + 1;
    object.metadata.resourceVersion = String(version);
    const journal = this.deps.disk?.journal;
    journal?.append({ version, type, resource: kind.plural, object });
    this.apply(type, kind.plural, deepFreeze(object), previous);
    if (journal !== undefined && journal.sizeBytes > (this.deps.compactBytes ?? 16 * 1024 * 1024)) {
      journal.compact({ version, objects: this.state.all() });
    }
    await journal?.synced();
    return object;
  }

  private apply(
    type: StoreEvent<AnyObject>['type'],
    resource: string,
    object: AnyObject,
    previous: AnyObject | undefined,
  ): void {
    const resourceVersion = object.metadata.resourceVersion ?? '';
    this.state.version = Number(resourceVersion);
    if (type === 'DELETED') this.state.remove(resource, object);
    else this.state.put(resource, object);
    const before = previous === undefined ? {} : { previous };
    this.feed.publish({ type, resource, object, ...before, resourceVersion, version: this.state.version });
  }
}

/** The store of the dev cluster, with the objects that the journal holds. */
export function createObjectStore(deps: ObjectStoreDeps): ObjectStore {
  return new MemoryObjectStore(deps);
}
