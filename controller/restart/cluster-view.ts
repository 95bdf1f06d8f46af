import { daemonSets, keyOf, nodes, pods, type Resource } from '../kube/kube-api.js';
import type { DaemonSet, KubeNode, KubeObject, Pod } from '../kube/objects.js';
import { createStore, type Store } from '../kube/store.js';
import type { ClusterView } from './ports.js';
import { panelRestarts, type PanelRestart } from './types.js';

/** The stores behind a view, to be kept like the server's objects by reflectors. */
export interface ClusterStores {
  readonly targets: Store<DaemonSet>;
  readonly pods: Store<Pod>;
  readonly nodes: Store<KubeNode>;
  readonly restarts: Store<PanelRestart>;
}

const byOwner = 'owner';
const byTarget = 'target';

/** Key of the target of a restart, `namespace/name`. */
export function targetKeyOf(restart: PanelRestart): string {
  const { namespace } = restart.metadata;
  const { name } = restart.spec.targetRef;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Uid of the DaemonSet that a pod belongs to. */
export function ownerUidOf(pod: Pod): string | undefined {
  const owner = pod.metadata.ownerReferences?.find(
    ({ kind, controller }) => controller === true && kind === 'DaemonSet',
  );
  return owner?.uid;
}

/** Empty stores with the indexes that a view needs. */
export function createClusterStores(): ClusterStores {
  return {
    targets: createStore<DaemonSet>(),
    pods: createStore<Pod>({ [byOwner]: (pod) => [ownerUidOf(pod)].filter((uid) => uid !== undefined) }),
    nodes: createStore<KubeNode>(),
    restarts: createStore<PanelRestart>({ [byTarget]: (restart) => [targetKeyOf(restart)] }),
  };
}

/** A view over stores. */
export function createClusterView(stores: ClusterStores): ClusterView {
  const storeOf = new Map<string, Store<never>>([
    [daemonSets.plural, stores.targets as Store<never>],
    [pods.plural, stores.pods as Store<never>],
    [nodes.plural, stores.nodes as Store<never>],
    [panelRestarts.plural, stores.restarts as Store<never>],
  ]);
  return {
    target: (key) => stores.targets.get(key),
    podsOf: (target) => stores.pods.byIndex(byOwner, target.metadata.uid ?? ''),
    restartsOf: (key) => stores.restarts.byIndex(byTarget, key),
    nodes: () => new Map(stores.nodes.list().map((node) => [node.metadata.name, node])),
    observe: <T extends KubeObject>(resource: Resource<T>, object: T) => {
      storeOf.get(resource.plural)?.observe(object as never);
    },
  };
}

/** Calls `enqueue` with the key of every target that a change is about. */
export function enqueueOnChange(stores: ClusterStores, enqueue: (targetKey: string) => void): void {
  const enqueueOwner = (pod: Pod | undefined): void => {
    const uid = pod === undefined ? undefined : ownerUidOf(pod);
    const owner = pod?.metadata.ownerReferences?.find((reference) => reference.uid === uid);
    if (pod === undefined || owner === undefined) return;
    enqueue(`${pod.metadata.namespace ?? ''}/${owner.name}`);
  };
  stores.targets.onChange(({ before, after }) => {
    const target = after ?? before;
    if (target !== undefined) enqueue(keyOf(target));
  });
  stores.restarts.onChange(({ before, after }) => {
    const restart = after ?? before;
    if (restart !== undefined) enqueue(targetKeyOf(restart));
  });
  stores.pods.onChange(({ before, after }) => enqueueOwner(after ?? before));
  stores.nodes.onChange(({ before, after }) => {
    if (readiness(before) === readiness(after)) return;
    for (const restart of stores.restarts.list()) {
      if (restart.status?.completionTime === undefined) enqueue(targetKeyOf(restart));
    }
  });
}

function readiness(node: KubeNode | undefined): string | undefined {
  return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}
