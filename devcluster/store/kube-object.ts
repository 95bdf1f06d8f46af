/** A value that survives JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Names the owner of an object; the garbage collector deletes what lost all its owners. */
export interface StoredOwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Metadata as it goes over the wire: times are RFC 3339 strings. */
export interface StoredMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  /** Opaque to clients; here a decimal number that grows with every write of the store. */
  resourceVersion?: string;
  /** Grows with every change outside of metadata and status. */
  generation?: number;
  creationTimestamp?: string;
  /** Set once deletion was asked for: the time by which the object should be gone. */
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: StoredOwnerReference[];
  finalizers?: string[];
}

/** Any Kubernetes object as plain JSON. Callers narrow it with their own interface that extends this one. */
export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: StoredMeta;
}

/** An object of which nothing is known but that it is an object with fields. */
export type AnyObject = StoredObject & Record<string, unknown>;

/** `namespace/name`, or the name alone for what has no namespace. */
export function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}
