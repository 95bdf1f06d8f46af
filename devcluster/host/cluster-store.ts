import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { builtinKinds } from '../kinds/builtin-kinds.js';
import { createCustomKind, establishedDefinition, parseDefinition, type Definition } from '../kinds/custom-kind.js';
import type { ServedKind } from '../kinds/served-kind.js';
import { timestampOf } from '../store/admission.js';
import { startEventExpiry } from '../store/event-expiry.js';
import { startGarbageCollector } from '../store/garbage-collector.js';
import { openJournal } from '../store/journal.js';
import { isSameJson } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { createObjectStore } from '../store/memory-object-store.js';
import { startNamespaceCleaner } from '../store/namespace-cleaner.js';
import type { ObjectStore } from '../store/object-store.js';
import { refuseOverQuota, startQuotaStatus } from '../store/pod-quota.js';

/** What {@link openClusterStore} needs. */
export interface ClusterStoreDeps {
  /** Where the objects are kept; in memory only when left out. */
  readonly directory?: string;
  /** Custom resource definitions, YAML. */
  readonly definitions: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The store of a dev cluster with what belongs to it. */
export interface ClusterStore {
  readonly store: ObjectStore;
  /** Every kind, built-in and custom, for the API server. */
  readonly kinds: readonly ServedKind[];
  /** Stops garbage collection and closes the files. */
  close(): Promise<void>;
}

const firstNamespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

async function ensureNamespaces(store: ObjectStore): Promise<void> {
  for (const name of firstNamespaces) {
    if (store.get('namespaces', undefined, name) !== undefined) continue;
    await store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
}

async function ensureDefinition(store: ObjectStore, definition: Definition, now: string): Promise<void> {
  const resource = 'customresourcedefinitions';
  const wanted = establishedDefinition(definition, now);
  const found = store.get<AnyObject>(resource, undefined, definition.metadata.name);
  if (found === undefined) {
    await store.create(resource, wanted);
    return;
  }
  if (isSameJson(found['spec'], wanted['spec'])) return;
  await store.mutate<AnyObject>(resource, { name: definition.metadata.name }, (object) => {
    object['spec'] = wanted['spec'];
  });
}

/**
 * Opens the store of a dev cluster: its objects, its kinds, the namespaces every cluster has, garbage collection.
 * @throws PaneletError STATE_DIR_UNUSABLE, CONFIG_INVALID.
 */
export async function openClusterStore(deps: ClusterStoreDeps): Promise<ClusterStore> {
  const { clock, random, log } = deps;
  const definitions = deps.definitions.map(parseDefinition);
  const kinds = [...builtinKinds, ...definitions.map(createCustomKind)];
  const stored = kinds.filter(
    (served) => !served.isReview && served.kind.plural === served.storedAs && served.fromView === served.toView,
  );
  const disk = deps.directory === undefined ? {} : { disk: openJournal(deps.directory) };
  const store = createObjectStore({
    kinds: stored.map((served) => served.kind),
    clock,
    random,
    refuse: refuseOverQuota,
    ...disk,
  });
  await ensureNamespaces(store);
  for (const definition of definitions) await ensureDefinition(store, definition, timestampOf(clock));
  const resources = stored.map((served) => served.kind.plural);
  const namespaced = stored.filter((served) => served.kind.namespaced).map((served) => served.kind.plural);
  const stops = [
    startGarbageCollector({ store, resources, log }),
    startNamespaceCleaner({ store, resources: namespaced, log }),
    startQuotaStatus({ store, log }),
    startEventExpiry({ store, clock, log }),
  ];
  return {
    store,
    kinds,
    close: async () => {
      for (const stop of stops) stop();
      await store.close();
    },
  };
}
