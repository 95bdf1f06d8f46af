import type { StoredObject } from './kube-object.js';

/** Narrows a list or a watch; the texts are those of the Kubernetes API ("a=b,c in (d,e)", "spec.nodeName=n1"). */
export interface StoreListOptions {
  /** Namespace; all of them when left out. */
  readonly ns?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Objects of one moment. */
export interface ObjectList<T> {
  readonly items: readonly T[];
  /** Version of the store at that moment; a watch from it misses nothing and repeats nothing. */
  readonly resourceVersion: string;
}

/** How an object is written. */
export interface WriteOptions {
  /** Which part of the object is written; the rest stays as stored. Left out: everything but the status. */
  readonly subresource?: 'status';
  /** Checks, defaults and answers as usual, but stores nothing. @default false */
  readonly dryRun?: boolean;
}

/** How an object is deleted. */
export interface DeleteOptions {
  /** Refuses with Conflict when the stored object has another uid. */
  readonly uid?: string;
  /** Refuses with Conflict when the stored object has another resource version. */
  readonly resourceVersion?: string;
  /**
   * Pods: 0 removes at once (that is how the launcher finally removes a pod), anything else sets the deletion timestamp.
   * @default the pod's terminationGracePeriodSeconds; 0 for a pod that has no node or has ended
   */
  readonly gracePeriodSeconds?: number;
  /** What becomes of the objects it owns. @default 'Background' */
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  /** @default false */
  readonly dryRun?: boolean;
}

/** One change of one object. Objects are frozen. */
export interface StoreEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** State after the change; of a deleted object the last state, with the resource version of the deletion. */
  readonly object: T;
  /** State before the change. */
  readonly previous?: T;
  readonly resourceVersion: string;
}

/** Where a watch begins and what it tells. */
export interface StoreWatchOptions extends StoreListOptions {
  /** Changes after this version are told. Left out: from now on. */
  readonly fromResourceVersion?: string;
}

/** What {@link ObjectStore.delete} did. */
export interface Deletion<T> {
  /** Last state of the object. */
  readonly object: T;
  /** False while finalizers or a graceful deletion keep the object. */
  readonly gone: boolean;
}

/**
 * The state of the dev cluster. `resource` is a plural as in a URL: pods, daemonsets, controllerrevisions, nodes,
 * namespaces, events, configmaps, leases, customresourcedefinitions, panelrestarts.
 *
 * Reads answer from memory with frozen objects; copy (`structuredClone`) before changing one. A write is visible to reads and watches
 * at once and its promise resolves when it is on disk. Writes check and default like the API server does. Every
 * refusal is a {@link StatusError} that carries the Kubernetes Status.
 */
export interface ObjectStore {
  /** @throws StatusError AlreadyExists, NotFound (namespace), Invalid. */
  create<T extends StoredObject>(resource: string, object: T, options?: Pick<WriteOptions, 'dryRun'>): Promise<T>;
  /** The object, or undefined. `ns` is undefined or '' for what has no namespace. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows the shape of a resource
  get<T extends StoredObject>(resource: string, ns: string | undefined, name: string): T | undefined;
  /** Sorted by namespace and name. @throws StatusError BadRequest for a selector that makes no sense. */
  list<T extends StoredObject>(resource: string, options?: StoreListOptions): ObjectList<T>;
  /**
   * Replaces an object. With a `metadata.resourceVersion` it must be the stored one.
   * @throws StatusError Conflict, NotFound, Invalid.
   */
  update<T extends StoredObject>(resource: string, object: T, options?: WriteOptions): Promise<T>;
  /**
   * Reads, lets `change` alter a copy in place, and writes. Nothing is written when nothing changed.
   * @throws StatusError NotFound, Invalid, and whatever `change` throws.
   */
  mutate<T extends StoredObject>(
    resource: string,
    key: { readonly ns?: string | undefined; readonly name: string },
    change: (object: T) => void,
    options?: WriteOptions,
  ): Promise<T>;
  /** @throws StatusError NotFound, Conflict. */
  delete<T extends StoredObject>(
    resource: string,
    ns: string | undefined,
    name: string,
    options?: DeleteOptions,
  ): Promise<Deletion<T>>;
  /**
   * Tells every change in order, never before `watch` has returned. With selectors, an object that stops matching is
   * told as DELETED and one that starts to match as ADDED.
   * @returns a function that ends the watch; no event is told after it.
   * @throws StatusError Expired (410) when the changes since `fromResourceVersion` are no longer kept.
   */
  watch<T extends StoredObject>(
    resource: string,
    options: StoreWatchOptions,
    listener: (event: StoreEvent<T>) => void,
  ): () => void;
  /** Version of the latest write. */
  readonly resourceVersion: string;
  /** Waits for what is being written and closes the files. */
  close(): Promise<void>;
}
