import type { Log } from '#common/log.js';
import type { AnyObject } from './kube-object.js';
import type { ObjectStore } from './object-store.js';
import { isStatusError } from './status-error.js';

/** What the namespace cleaner needs. */
export interface NamespaceCleanerDeps {
  readonly store: ObjectStore;
  /** Every resource that lives in namespaces. */
  readonly resources: readonly string[];
  readonly log: Log;
}

/**
 * Empties namespaces that are being deleted and lets them go when nothing is left in them.
 * @returns a function that ends it.
 */
export function startNamespaceCleaner(deps: NamespaceCleanerDeps): () => void {
  const { store, log } = deps;
  const attempt = (work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      if (!isStatusError(error, 'NotFound')) log.error({ err: error }, 'Cleaning a namespace failed');
    });
  };
  const release = (name: string): void => {
    const change = (namespace: AnyObject): void => {
      namespace['spec'] = { ...(namespace['spec'] as object), finalizers: [] };
    };
    attempt(store.mutate<AnyObject>('namespaces', { name }, change));
  };
  const clean = (name: string): void => {
    let left = 0;
    for (const resource of deps.resources) {
      for (const { metadata } of store.list(resource, { ns: name }).items) {
        left += 1;
        if (metadata.deletionTimestamp === undefined) attempt(store.delete(resource, name, metadata.name));
      }
    }
    if (left === 0) release(name);
  };
  const isEnding = (name: string): boolean =>
    store.get('namespaces', undefined, name)?.metadata.deletionTimestamp !== undefined;
  const look = (name: string | undefined): void => {
    if (name !== undefined && isEnding(name)) clean(name);
  };
  const stops = [
    store.watch('namespaces', {}, ({ object }) => look(object.metadata.name)),
    ...deps.resources.map((resource) =>
      store.watch(resource, {}, ({ type, object }) => {
        if (type === 'DELETED') look(object.metadata.namespace);
      }),
    ),
  ];
  for (const { metadata } of store.list('namespaces').items) look(metadata.name);
  return () => {
    for (const stop of stops) stop();
  };
}
