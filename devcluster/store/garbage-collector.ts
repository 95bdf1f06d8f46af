import type { Log } from '#common/log.js';
import { listAt } from './json-copy.js';
import type { AnyObject } from './kube-object.js';
import type { ObjectStore, StoreEvent } from './object-store.js';
import { isStatusError } from './status-error.js';

/** What the garbage collector needs. */
export interface GarbageCollectorDeps {
  readonly store: ObjectStore;
  /** Every resource whose objects may own or be owned. */
  readonly resources: readonly string[];
  readonly log: Log;
}

interface Known {
  readonly resource: string;
  readonly object: AnyObject;
}

/** How an owner stands to what it owns. */
type OwnerState = 'there' | 'gone' | 'waits for its dependents';

/**
 * Deletes objects all of whose owners are gone, as the garbage collector of Kubernetes does: in the background; before the owner
 * (finalizer foregroundDeletion), which waits for those that block its deletion; or not at all (finalizer orphan: the references
 * are removed). Of an object that has another owner left, the reference to one that is gone or that waits is removed.
 * @returns a function that ends it.
 */
export function startGarbageCollector(deps: GarbageCollectorDeps): () => void {
  return new GarbageCollector(deps).start();
}

class GarbageCollector {
  readonly #deps: GarbageCollectorDeps;
  readonly #byUid = new Map<string, Known>();

  constructor(deps: GarbageCollectorDeps) {
    this.#deps = deps;
  }

  start(): () => void {
    const { store, resources } = this.#deps;
    for (const resource of resources) {
      for (const object of store.list<AnyObject>(resource).items) this.#remember({ resource, object });
    }
    const stops = resources.map((resource) =>
      store.watch<AnyObject>(resource, {}, (event) => this.#notice(resource, event)),
    );
    for (const known of [...this.#byUid.values()]) {
      this.#advance(known);
      this.#look(known);
    }
    return () => {
      for (const stop of stops) stop();
    };
  }

  #notice(resource: string, event: StoreEvent<AnyObject>): void {
    if (event.type === 'DELETED') {
      this.#forget(event.object);
      return;
    }
    const known = { resource, object: event.object };
    this.#remember(known);
    this.#advance(known);
    this.#look(known);
    if (event.previous !== undefined) this.#advanceOwnersOf(event.previous);
  }

  #remember(known: Known): void {
    this.#byUid.set(known.object.metadata.uid ?? '', known);
  }

  #forget(object: AnyObject): void {
    const uid = object.metadata.uid ?? '';
    this.#byUid.delete(uid);
    for (const dependent of this.#dependentsOf(uid)) this.#look(dependent);
    this.#advanceOwnersOf(object);
  }

  /** One that waited for this object may have nothing to wait for any more. */
  #advanceOwnersOf(object: AnyObject): void {
    for (const { uid } of ownersOf(object)) {
      const owner = this.#byUid.get(uid);
      if (owner !== undefined) this.#advance(owner);
    }
  }

  /** Does for an object that is being deleted what its finalizers wait for. */
  #advance(owner: Known): void {
    const { uid = '', finalizers = [], deletionTimestamp } = owner.object.metadata;
    if (deletionTimestamp === undefined) return;
    const dependents = this.#dependentsOf(uid);
    if (finalizers.includes('orphan')) {
      for (const dependent of dependents) this.#disown(dependent, [uid]);
      this.#dropFinalizer(owner, 'orphan');
    } else if (finalizers.includes('foregroundDeletion')) {
      for (const dependent of dependents) this.#look(dependent);
      const blocks = ({ object }: Known): boolean =>
        ownersOf(object).some((reference) => reference.uid === uid && reference.blockOwnerDeletion);
      if (!dependents.some(blocks)) this.#dropFinalizer(owner, 'foregroundDeletion');
    }
  }

  /**
   * Deletes an object that has no owner left, and lets one go on without those that it has lost. It looks at the object as it is
   * now: who has just been let go may be told of later than the end of its owner.
   */
  #look({ resource, object: { metadata } }: Known): void {
    const object = this.#deps.store.get<AnyObject>(resource, metadata.namespace, metadata.name);
    if (object === undefined || object.metadata.uid !== metadata.uid) return;
    const known = { resource, object };
    const uids = ownersOf(object).map(({ uid }) => uid);
    const lost = uids.filter((uid) => this.#stateOf(uid) !== 'there');
    if (lost.length === 0) return;
    if (lost.length < uids.length) this.#disown(known, lost);
    else this.#collect(known);
  }

  #stateOf(uid: string): OwnerState {
    const owner = this.#byUid.get(uid)?.object.metadata;
    if (owner === undefined) return 'gone';
    const waits = owner.deletionTimestamp !== undefined && owner.finalizers?.includes('foregroundDeletion') === true;
    return waits ? 'waits for its dependents' : 'there';
  }

  #collect({ resource, object }: Known): void {
    const { namespace, name, uid, deletionTimestamp } = object.metadata;
    if (deletionTimestamp !== undefined || uid === undefined) return;
    this.#attempt(this.#deps.store.delete(resource, namespace, name, { uid, propagationPolicy: 'Background' }));
  }

  #disown(known: Known, uids: readonly string[]): void {
    this.#change(known, ({ metadata }) => {
      metadata.ownerReferences = (metadata.ownerReferences ?? []).filter((owner) => !uids.includes(owner.uid));
    });
  }

  #dropFinalizer(known: Known, finalizer: string): void {
    this.#change(known, ({ metadata }) => {
      metadata.finalizers = (metadata.finalizers ?? []).filter((text) => text !== finalizer);
    });
  }

  #change({ resource, object }: Known, change: (copy: AnyObject) => void): void {
    const { namespace, name } = object.metadata;
    this.#attempt(this.#deps.store.mutate<AnyObject>(resource, { ns: namespace, name }, change));
  }

  #attempt(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict'))
        this.#deps.log.error({ err: error }, 'Garbage collection failed');
    });
  }

  #dependentsOf(uid: string): Known[] {
    return [...this.#byUid.values()].filter(({ object }) => ownersOf(object).some((owner) => owner.uid === uid));
  }
}

function ownersOf(object: AnyObject): { readonly uid: string; readonly blockOwnerDeletion: boolean }[] {
  return listAt(object, 'metadata', 'ownerReferences').map((owner) => ({
    uid: String(owner['uid']),
    blockOwnerDeletion: owner['blockOwnerDeletion'] === true,
  }));
}
