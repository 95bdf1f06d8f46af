import { createSystemClock } from '#common/time/clock.js';
import { createLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { configMaps } from '#kube/certificate-objects.js';
import { createKubeClient } from '#kube/client-node/kube-client.js';
import { daemonSets, nodes, pods, type KubeApi, type Resource } from '#kube/api.js';
import { loadKubeConfig } from '#kube/client-node/load-kube-config.js';
import type { DaemonSet, KubeNode, KubeObject, Pod } from '#kube/objects.js';
import { createReflector } from '#kube/reflector.js';
import { createStore, type Store } from '#kube/store.js';
import { isPodReady, isTerminating } from '#controller/restart/facts/pods.js';
import { panelRestarts, type PanelRestart } from '#controller/restart/api/panel-restart.js';

/** A cluster as tests see it: watched, never asked in a loop. */
export interface ClusterWatch {
  readonly api: KubeApi;
  /** Pods of a component that are not going, by node. */
  podsOf(component: Component): ReadonlyMap<string, Pod>;
  pods(): readonly Pod[];
  /** All pods of a component on a node, also those that were taken out of their DaemonSet, that retire, or that go. */
  podsOn(component: Component, node: string): readonly Pod[];
  nodes(): readonly KubeNode[];
  daemonSet(name: string): DaemonSet | undefined;
  /** The bundle that clients trust, as it is published now. */
  trust(): Buffer;
  restarts(): readonly PanelRestart[];
  restart(name: string): PanelRestart | undefined;
  /** Ends the watches. */
  close(): Promise<void>;
}

/** A part of Panelet that runs in pods. */
export type Component = 'agent' | 'host' | 'controller';

/** True while the kubelet says the pod is ready and nobody has deleted it. */
export function isReady(pod: Pod | undefined): boolean {
  return pod !== undefined && isPodReady(pod) && !isTerminating(pod);
}

/** Watches the objects of one namespace; resolves once they are all known. */
export async function watchCluster(kubeconfig: string, namespace: string): Promise<ClusterWatch> {
  const clock = createSystemClock({ keepsAlive: true });
  const random = createSystemRandom();
  const log = createLog({ name: 'e2e', level: 'silent' });
  const config = loadKubeConfig(kubeconfig);
  const api = createKubeClient({ config, clock });
  const stopping = new AbortController();
  const running: Promise<void>[] = [];
  const synced: Promise<void>[] = [];
  const watch = <T extends KubeObject>(resource: Resource<T>): Store<T> => {
    const store = createStore<T>();
    const scope = resource.namespaced ? { namespace } : {};
    const reflector = createReflector({ api, resource, ...scope, store, clock, random, log });
    running.push(reflector.run(stopping.signal));
    synced.push(reflector.synced);
    return store;
  };
  const podStore = watch(pods);
  const nodeStore = watch(nodes);
  const daemonSetStore = watch(daemonSets);
  const restartStore = watch(panelRestarts);
  const configMapStore = watch(configMaps);
  await Promise.all(synced);
  const ofComponent = (component: Component): readonly Pod[] =>
    podStore.list().filter(({ metadata }) => metadata.labels?.['panelet.dev/component'] === component);
  return {
    api,
    pods: () => podStore.list(),
    podsOn: (component, node) => ofComponent(component).filter(({ spec }) => spec?.nodeName === node),
    podsOf: (component) => {
      const found = ofComponent(component)
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1));
      return new Map(found.map((pod) => [pod.spec?.nodeName ?? '', pod]));
    },
    nodes: () => nodeStore.list(),
    daemonSet: (name) => daemonSetStore.get(`${namespace}/${name}`),
    trust: () => Buffer.from(configMapStore.get(`${namespace}/panelet-ca`)?.data?.['ca.crt'] ?? ''),
    restarts: () => restartStore.list(),
    restart: (name) => restartStore.get(`${namespace}/${name}`),
    close: async () => {
      stopping.abort(new Error('The test is over.'));
      await Promise.all(running);
      await config.close();
    },
  };
}
