import { isReady, type ClusterWatch, type Component } from '#test/e2e/support/cluster-watch.js';

/** A panel of a node, as its agent says. */
export interface PanelState {
  readonly node: string;
  readonly panel: string;
  readonly serving: boolean;
}

/** Everything that has to be as before when nothing is broken any more. */
export interface Fleet {
  readonly nodes: readonly { readonly name: string; readonly ready: boolean; readonly unschedulable: boolean }[];
  readonly pods: readonly {
    readonly name: string;
    readonly component: Component;
    readonly ready: boolean;
    readonly claimed: boolean;
  }[];
  readonly restarts: readonly { readonly name: string; readonly finished: boolean; readonly finalizers: number }[];
  readonly panels: readonly PanelState[];
}

const components: readonly Component[] = ['agent', 'host', 'controller'];

/** The part of a fleet that Kubernetes knows. */
export function fleetOf(watch: ClusterWatch, panels: readonly PanelState[]): Fleet {
  return {
    nodes: watch.nodes().map((node) => ({
      name: node.metadata.name,
      ready: node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
      unschedulable: (node as { spec?: { unschedulable?: boolean } }).spec?.unschedulable === true,
    })),
    pods: watch.pods().flatMap((pod) => {
      const component = components.find((name) => name === pod.metadata.labels?.['panelet.dev/component']);
      if (component === undefined) return [];
      const claimed = pod.metadata.annotations?.['panelet.dev/claim'] !== undefined;
      return [{ name: pod.metadata.name, component, ready: isReady(pod), claimed }];
    }),
    restarts: watch.restarts().map(({ metadata, status }) => ({
      name: metadata.name,
      finished: status?.completionTime !== undefined,
      finalizers: (metadata.finalizers ?? []).length,
    })),
    panels,
  };
}

/** What is not as it should be; empty when everything has converged. */
export function unsettled(fleet: Fleet): string[] {
  const problems: string[] = [];
  const { nodes, pods, restarts, panels } = fleet;
  for (const { name, ready, unschedulable } of nodes) {
    if (!ready) problems.push(`node ${name} is not ready`);
    if (unschedulable) problems.push(`node ${name} is cordoned`);
  }
  const wanted: Readonly<Record<Component, number>> = { agent: nodes.length, host: nodes.length, controller: 2 };
  for (const [component, count] of Object.entries(wanted)) {
    const ready = pods.filter((pod) => pod.component === component && pod.ready).length;
    if (ready !== count) problems.push(`${ready} of ${count} pods of component ${component} are ready`);
  }
  for (const { name, ready, claimed } of pods) {
    if (!ready) problems.push(`pod ${name} is not ready`);
    if (claimed) problems.push(`pod ${name} is claimed`);
  }
  for (const { name, finished, finalizers } of restarts) {
    if (!finished) problems.push(`restart ${name} is still running`);
    else if (finalizers > 0) problems.push(`restart ${name} is finished and has a finalizer`);
  }
  for (const { name } of nodes) {
    if (!panels.some(({ node }) => node === name)) problems.push(`the agent of ${name} does not list panels`);
  }
  for (const { node, panel, serving } of panels)
    if (!serving) problems.push(`panel ${panel} of ${node} does not serve`);
  return problems;
}
