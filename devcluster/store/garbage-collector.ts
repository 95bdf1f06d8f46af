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

const ownersOf = (object: AnyObject): string[] =>
  listAt(object, 'metadata', 'ownerReferences').map((owner) => String(owner['uid']));

/**
 * Deletes objects all of whose owners are gone, as the garbage collector of Kubernetes does: in the background; before the owner
 * (finalizer foregroundDeletion); or not at all (finalizer orphan: the references are removed).
 * @returns a function that ends it.
 */
export function startGarbageCollector(deps: GarbageCollectorDeps): () => void {
  const { store, log } = deps;
  const byUid = new Map<string, Known>();
  const remember = (known: Known): void => void byUid.set(known.object.metadata.uid ?? '', known);
  const dependentsOf = (uid: string): Known[] =>
    [...byUid.values()].filter(({ object }) => ownersOf(object).includes(uid));

  const attempt = (work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict'))
        log.error({ err: error }, 'garbage collection failed');
    });
  };
  const collect = ({ resource, object }: Known): void => {
    const { namespace, name, uid, deletionTimestamp } = object.metadata;
    if (deletionTimestamp !== undefined || uid === undefined) return;
    attempt(store.delete(resource, namespace, name, { uid, propagationPolicy: 'Background' }));
  };
  const collectIfOrphan = (known: Known): void => {
    const owners = ownersOf(known.object);
    if (owners.length > 0 && !owners.some((uid) => byUid.has(uid))) collect(known);
  };
  const dropFinalizer = ({ resource, object }: Known, finalizer: string): void => {
    const { namespace, name } = object.metadata;
    const change = (copy: AnyObject): void => {
      copy.metadata.finalizers = (copy.metadata.finalizers ?? []).filter((text) => text !== finalizer);
    };
    attempt(store.mutate<AnyObject>(resource, { ns: namespace, name }, change));
  };
  const disown = ({ resource, object }: Known, uid: string): void => {
    const { namespace, name } = object.metadata;
    const change = (copy: AnyObject): void => {
      copy.metadata.ownerReferences = (copy.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
    };
    attempt(store.mutate<AnyObject>(resource, { ns: namespace, name }, change));
  };
  const advance = (owner: Known): void => {
    const { uid = '', finalizers = [], deletionTimestamp } = owner.object.metadata;
    if (deletionTimestamp === undefined) return;
    const dependents = dependentsOf(uid);
    if (finalizers.includes('orphan')) {
      for (const dependent of dependents) disown(dependent, uid);
      dropFinalizer(owner, 'orphan');
    } else if (finalizers.includes('foregroundDeletion')) {
      for (const dependent of dependents) collect(dependent);
      if (dependents.length === 0) dropFinalizer(owner, 'foregroundDeletion');
    }
  };
  const forget = (object: AnyObject): void => {
    const uid = object.metadata.uid ?? '';
    byUid.delete(uid);
    for (const dependent of dependentsOf(uid)) collectIfOrphan(dependent);
    for (const ownerUid of ownersOf(object)) {
      const owner = byUid.get(ownerUid);
      if (owner !== undefined) advance(owner);
    }
  };
  const notice = (resource: string, event: StoreEvent<AnyObject>): void => {
    if (event.type === 'DELETED') {
      forget(event.object);
      return;
    }
    const known = { resource, object: event.object };
    remember(known);
    advance(known);
    collectIfOrphan(known);
  };

  for (const resource of deps.resources) {
    for (const object of store.list<AnyObject>(resource).items) remember({ resource, object });
  }
  const stops = deps.resources.map((resource) =>
    store.watch<AnyObject>(resource, {}, (event) => notice(resource, event)),
  );
  for (const known of [...byUid.values()]) {
    advance(known);
    collectIfOrphan(known);
  }
  return () => {
    for (const stop of stops) stop();
  };
}
