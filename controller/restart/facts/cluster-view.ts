import { controllerRevisions, daemonSets, keyOf, nodes, podDisruptionBudgets, pods, type Resource } from '#kube/api.js';
import type {
  ControllerRevision,
  DaemonSet,
  KubeNode,
  KubeObject,
  OwnerReference,
  Pod,
  PodDisruptionBudget,
} from '#kube/objects.js';
import { createStore, type Store } from '#kube/store.js';
import { gateProviderKeyOf } from './gate-provider.js';
import { detachedBy } from '../api/annotations.js';
import { isRetiring, retirementOf } from '../api/retirement.js';
import { uidOf } from './pods.js';
import { holdersOf } from './target-pods.js';
import type { ClusterView } from '../api/ports.js';
import { panelRestarts, type PanelRestart } from '../api/panel-restart.js';

/** The stores behind a view, to be kept like the server's objects by reflectors. */
export interface ClusterStores {
  readonly targets: Store<DaemonSet>;
  readonly pods: Store<Pod>;
  readonly nodes: Store<KubeNode>;
  readonly restarts: Store<PanelRestart>;
  readonly revisions: Store<ControllerRevision>;
  readonly budgets: Store<PodDisruptionBudget>;
}

/** A kind to reflect, and the store that is kept like it. */
export interface Reflected<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly store: Store<T>;
  /** True for a kind that a cluster may lack. */
  readonly optional: boolean;
}

/** Calls `reflect` for each kind that a view needs. */
export function mapReflected<R>(stores: ClusterStores, reflect: <T extends KubeObject>(what: Reflected<T>) => R): R[] {
  return [
    reflect({ resource: daemonSets, store: stores.targets, optional: false }),
    reflect({ resource: pods, store: stores.pods, optional: false }),
    reflect({ resource: nodes, store: stores.nodes, optional: false }),
    reflect({ resource: panelRestarts, store: stores.restarts, optional: false }),
    reflect({ resource: controllerRevisions, store: stores.revisions, optional: true }),
    reflect({ resource: podDisruptionBudgets, store: stores.budgets, optional: true }),
  ];
}

const byOwner = 'owner';
const byTarget = 'target';
const byHolder = 'holder';
const byOwnerIfHeld = 'ownerIfHeld';
const byUid = 'uid';
const byNamespace = 'namespace';
const byDetached = 'detached';
const byGateProvider = 'gate provider';
const byRetirement = 'retirement';
const byRetiring = 'retiring';

/** Key of the target of a restart, `namespace/name`. */
export function targetKeyOf(restart: PanelRestart): string {
  const { namespace } = restart.metadata;
  const { name } = restart.spec.targetRef;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The DaemonSet that a pod or revision belongs to: one that controls it, else one that a pod was taken out of. */
export function ownerOf({ metadata }: KubeObject): OwnerReference | undefined {
  const owners = metadata.ownerReferences?.filter(({ kind }) => kind === 'DaemonSet') ?? [];
  return owners.find(({ controller }) => controller === true) ?? owners[0];
}

function ownerUidsOf(object: KubeObject): readonly string[] {
  return [ownerOf(object)?.uid].filter((uid) => uid !== undefined);
}

function detachedOf(pod: Pod): readonly string[] {
  return detachedBy(pod) === undefined ? [] : [''];
}

/** Pods that are out of their DaemonSet. */
export function detachedPods({ pods }: ClusterStores): readonly Pod[] {
  return pods.byIndex(byDetached, '');
}

/** The restart of a uid; undefined when there is none any more. */
export function restartOfUid({ restarts }: ClusterStores, uid: string): PanelRestart | undefined {
  return restarts.byIndex(byUid, uid)[0];
}

/** Key of the target that a retiring pod was of, whatever owns it now; undefined for any other pod. */
export function retiredFromOf(pod: Pod): string | undefined {
  if (!isRetiring(pod)) return undefined;
  const name = retirementOf(pod)?.target ?? ownerOf(pod)?.name;
  return name === undefined ? undefined : keyOf({ metadata: { ...pod.metadata, name } });
}

/** Keys of the targets that pods retire from, whether they are there or not. */
export function retiredFrom({ pods }: ClusterStores): ReadonlySet<string> {
  return new Set(pods.byIndex(byRetiring, '').flatMap((pod) => retiredFromOf(pod) ?? []));
}

/** Empty stores with the indexes that a view needs. */
export function createClusterStores(): ClusterStores {
  return {
    targets: createStore<DaemonSet>({
      [byNamespace]: namespacesOf,
      [byGateProvider]: (target) => [gateProviderKeyOf(target)].filter((key) => key !== undefined),
    }),
    pods: createStore<Pod>({
      // One that retires counts for nothing that is said of its target's pods.
      [byOwner]: (pod) => (isRetiring(pod) ? [] : ownerUidsOf(pod)),
      [byHolder]: holdersOf,
      [byDetached]: detachedOf,
      [byOwnerIfHeld]: (pod) => (holdersOf(pod).length === 0 ? [] : ownerUidsOf(pod)),
      [byRetiring]: (pod) => (isRetiring(pod) ? [''] : []),
      [byRetirement]: (pod) => [retiredFromOf(pod)].filter((key) => key !== undefined),
    }),
    nodes: createStore<KubeNode>(),
    restarts: createStore<PanelRestart>({
      [byTarget]: (restart) => [targetKeyOf(restart)],
      [byUid]: (restart) => [uidOf(restart)],
    }),
    revisions: createStore<ControllerRevision>({ [byOwner]: ownerUidsOf }),
    budgets: createStore<PodDisruptionBudget>({ [byNamespace]: namespacesOf }),
  };
}

/** A view over stores. */
export function createClusterView(stores: ClusterStores): ClusterView {
  const storeOf = new Map<string, Store<never>>([
    [daemonSets.plural, stores.targets as Store<never>],
    [pods.plural, stores.pods as Store<never>],
    [nodes.plural, stores.nodes as Store<never>],
    [panelRestarts.plural, stores.restarts as Store<never>],
    [controllerRevisions.plural, stores.revisions as Store<never>],
    [podDisruptionBudgets.plural, stores.budgets as Store<never>],
  ]);
  return {
    target: (key) => stores.targets.get(key),
    podsOf: (target) => stores.pods.byIndex(byOwner, target.metadata.uid ?? ''),
    podNewsOf: (target, upTo) => stores.pods.newsOf(byOwner, target.metadata.uid ?? '', upTo),
    podsHeldBy: (restartUid) => stores.pods.byIndex(byHolder, restartUid),
    heldPodsOf: (target) => stores.pods.byIndex(byOwnerIfHeld, target.metadata.uid ?? ''),
    retiringOf: (key) => stores.pods.byIndex(byRetirement, key),
    restartsOf: (key) => stores.restarts.byIndex(byTarget, key),
    revisionsOf: (target) => stores.revisions.byIndex(byOwner, target.metadata.uid ?? ''),
    budgetsOf: (target) => stores.budgets.byIndex(byNamespace, target.metadata.namespace ?? ''),
    targetsBeside: (target) => stores.targets.byIndex(byNamespace, target.metadata.namespace ?? ''),
    nodes: () => stores.nodes,
    observe: <T extends KubeObject>(resource: Resource<T>, object: T) => {
      storeOf.get(resource.plural)?.observe(object as never);
    },
  };
}

function namespacesOf({ metadata }: KubeObject): readonly string[] {
  return [metadata.namespace ?? ''];
}

/** Calls `enqueue` with the key of every target that a change is about. */
export function enqueueOnChange(stores: ClusterStores, enqueue: (targetKey: string) => void): void {
  /** A target and those that share their nodes' gates with it. */
  const enqueueTarget = (key: string): void => {
    enqueue(key);
    const target = stores.targets.get(key);
    const gateProvider = target === undefined ? undefined : gateProviderKeyOf(target);
    if (gateProvider !== undefined) enqueue(gateProvider);
    for (const other of stores.targets.byIndex(byGateProvider, key)) enqueue(keyOf(other));
  };
  const enqueueOwner = (object: KubeObject | undefined): void => {
    const owner = object === undefined ? undefined : ownerOf(object);
    if (object !== undefined && owner !== undefined) enqueueTarget(`${object.metadata.namespace ?? ''}/${owner.name}`);
  };
  /** A pod that a restart has is its target's, whatever owns it. */
  const enqueueHolders = (pod: Pod): void => {
    for (const uid of holdersOf(pod)) {
      for (const restart of stores.restarts.byIndex(byUid, uid)) enqueueTarget(targetKeyOf(restart));
    }
  };
  const enqueueRetiring = (pod: Pod | undefined): void => {
    const key = pod === undefined ? undefined : retiredFromOf(pod);
    if (key !== undefined) enqueueTarget(key);
  };
  const enqueueAtWork = (): void => {
    for (const restart of stores.restarts.list()) {
      if (restart.status?.completionTime === undefined) enqueue(targetKeyOf(restart));
    }
    for (const key of retiredFrom(stores)) enqueue(key);
  };
  stores.targets.onChange(({ before, after }) => {
    const target = after ?? before;
    if (target !== undefined) enqueue(keyOf(target));
  });
  stores.restarts.onChange(({ before, after }) => {
    const restart = after ?? before;
    if (restart !== undefined) enqueueTarget(targetKeyOf(restart));
  });
  stores.pods.onChange(({ before, after }) => {
    enqueueOwner(after ?? before);
    for (const pod of [before, after]) if (pod !== undefined) enqueueHolders(pod);
    enqueueRetiring(after ?? before);
  });
  stores.revisions.onChange(({ before, after }) => enqueueOwner(after ?? before));
  stores.budgets.onChange(enqueueAtWork);
  stores.nodes.onChange(({ before, after }) => {
    if (readiness(before) !== readiness(after)) enqueueAtWork();
  });
}

function readiness(node: KubeNode | undefined): string | undefined {
  return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}
