import type {
  ControllerRevision,
  DaemonSet,
  KubeEvent,
  KubeList,
  KubeNode,
  KubeObject,
  Lease,
  Pod,
  PodDisruptionBudget,
} from './objects.js';

/** A kind of object and where the API server has it. `T` is the type of its objects. */
export interface Resource<T extends KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Only carries the type; never set. */
  readonly objectType?: T;
}

/** Pods. */
export const pods: Resource<Pod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
/** Nodes. */
export const nodes: Resource<KubeNode> = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };
/** DaemonSets. */
export const daemonSets: Resource<DaemonSet> = {
  group: 'apps',
  version: 'v1',
  plural: 'daemonsets',
  kind: 'DaemonSet',
  namespaced: true,
};
/** The templates that a DaemonSet had. */
export const controllerRevisions: Resource<ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
};
/** Budgets of pods that may be away. */
export const podDisruptionBudgets: Resource<PodDisruptionBudget> = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
};
/** Leases. */
export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
/** Events. */
export const events: Resource<KubeEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

/** Name of an object. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

/** Which objects to list, and how. */
export interface ListOptions {
  /** One namespace; all of them when not set. */
  readonly namespace?: string;
  readonly limit?: number;
  /** Token of the next page. */
  readonly continue?: string;
  /** `0` accepts an answer from the server's cache. */
  readonly resourceVersion?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** What an object must still be for a delete to happen; else API_CONFLICT. */
export interface Preconditions {
  readonly uid: string;
  readonly resourceVersion?: string;
}

/** An event of a watch. ERROR carries a Status. */
export interface WatchEvent<T extends KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/** Which changes to watch. */
export interface WatchOptions {
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
}

/**
 * The Kubernetes API as this controller uses it: plain JSON in and out. Every failure is a PaneletError of code
 * API_CONFLICT, API_NOT_FOUND, API_REFUSED or API_UNAVAILABLE.
 */
export interface KubeApi {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, options: ListOptions): Promise<KubeList<T>>;
  /** Creates an object; API_CONFLICT when the name is taken. */
  create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T>;
  /**
   * Applies a JSON merge patch (RFC 7386). A `metadata.resourceVersion` in the patch makes it conditional:
   * API_CONFLICT when the object has changed since.
   */
  patch<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, patch: object): Promise<T>;
  /** As {@link KubeApi.patch}, on the status. */
  patchStatus<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, patch: object): Promise<T>;
  /** As {@link KubeApi.patch}, on the approval of a CertificateSigningRequest. */
  patchApproval<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, patch: object): Promise<T>;
  /**
   * Asks for an object to be deleted, with its own grace period. Returns the object while it is still there, going.
   */
  delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    preconditions: Preconditions,
  ): Promise<T | undefined>;
  /**
   * Asks for a pod to be deleted if its PodDisruptionBudget allows, with its own grace period.
   * @throws PaneletError DISRUPTION_REFUSED when the budget does not allow it now.
   */
  evict(key: ObjectKey, preconditions: Preconditions): Promise<void>;
  /**
   * Calls `onEvent` for every change until the watch ends: resolves when the server ends it, rejects when it fails.
   */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void>;
}

/** Key of an object as one string: `namespace/name`, or the name alone. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The inverse of {@link keyOf}. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The {@link ObjectKey} of an object. */
export function objectKey(object: KubeObject): ObjectKey {
  return parseKey(keyOf(object));
}
