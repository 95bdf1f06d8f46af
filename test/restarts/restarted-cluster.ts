import { claimAnnotation, detachedLabel } from '#controller/restart/api/annotations.js';
import type { PanelRestartSpec } from '#controller/restart/api/panel-restart.js';
import type { StoredDaemonSet } from '#devcluster/daemonset/daemon-set.js';
import { agentDaemonSet, paneletNamespace as ns } from '#devcluster/host/initial-objects.js';
import type { StoredPod } from '#devcluster/launcher/pod.js';
import type { RestartObject } from '#test/support/restarts.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';

const limitMs = 120_000;

/** A dev cluster whose agents are restarted, and how that stands. */
export class RestartedCluster {
  readonly #test: TestCluster;

  constructor(test: TestCluster) {
    this.#test = test;
  }

  restarts(): readonly RestartObject[] {
    return this.#test.cluster.store.list<RestartObject>('panelrestarts', { ns }).items;
  }

  pods(): readonly StoredPod[] {
    return this.#test.cluster.store.list<StoredPod>('pods', {
      ns,
      labelSelector: 'panelet.dev/component=agent',
    }).items;
  }

  /** Asks for a restart of every pod, all at once. */
  async ask(name: string, spec: Partial<PanelRestartSpec> = {}): Promise<void> {
    const strategy = { maxSurge: '100%', maxUnavailable: '100%', ...spec.strategy };
    await this.#test.cluster.store.create('panelrestarts', {
      apiVersion: 'panelet.dev/v1alpha1',
      kind: 'PanelRestart',
      metadata: { name, namespace: ns },
      spec: { targetRef: { name: agentDaemonSet }, drain: { noticeSeconds: 0 }, ...spec, strategy },
    } as never);
  }

  /** Changes what a restart says; nothing where it is over. */
  async change(name: string, spec: Partial<PanelRestartSpec>): Promise<void> {
    await this.#test.cluster.store.mutate<RestartObject & { spec?: object }>(
      'panelrestarts',
      { ns, name },
      (stored) => {
        stored.spec = { ...stored.spec, ...spec };
      },
    );
  }

  /** Changes the DaemonSet; a changed template is rolled out. */
  async edit(change: (set: StoredDaemonSet) => void): Promise<void> {
    await this.#test.cluster.store.mutate<StoredDaemonSet>('daemonsets', { ns, name: agentDaemonSet }, change);
  }

  /** A pod is out of its DaemonSet, or its restart is over. */
  untilTakenOut(name: string): Promise<void> {
    const isOut = (): boolean =>
      this.pods().some(({ metadata }) => metadata.labels?.[detachedLabel] !== undefined) ||
      this.#completed().some(({ metadata }) => metadata.name === name);
    return waitFor(`a pod that ${name} has taken out`, isOut, limitMs);
  }

  untilRestarts(count: number): Promise<void> {
    return waitFor(`${count} restarts to be asked for`, () => this.restarts().length >= count, limitMs);
  }

  /** Every restart is over, every node has one pod, which is Ready, its DaemonSet's and nobody else's. */
  async untilOver(): Promise<void> {
    await waitFor('the restarts to be over, one pod a node', () => this.#isOver(), limitMs);
  }

  #completed(): readonly RestartObject[] {
    return this.restarts().filter(
      ({ status }) => (status as { completionTime?: string } | undefined)?.completionTime !== undefined,
    );
  }

  #isOver(): boolean {
    const pods = this.pods();
    const isHeld = pods.some(
      ({ metadata }) =>
        metadata.labels?.[detachedLabel] !== undefined ||
        metadata.annotations?.[claimAnnotation] !== undefined ||
        metadata.deletionTimestamp !== undefined,
    );
    const { nodes } = this.#test.cluster;
    return (
      !isHeld &&
      this.#completed().length === this.restarts().length &&
      pods.length === nodes.length &&
      this.#test.agentPods().size === nodes.length
    );
  }

  /** Removes the restarts, which are over. @returns phases that they ended in, the first one first */
  async forget(): Promise<readonly string[]> {
    const ended = this.restarts().toSorted((a, b) => versionOf(a) - versionOf(b));
    for (const { metadata } of ended) await this.#test.cluster.store.delete('panelrestarts', ns, metadata.name);
    await waitFor('the restarts to be gone', () => this.restarts().length === 0, limitMs);
    return ended.map(({ status }) => status?.phase ?? '');
  }
}

function versionOf({ metadata }: RestartObject): number {
  return Date.parse(metadata.creationTimestamp ?? '');
}
