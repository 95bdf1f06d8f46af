import { panelRestarts, type PanelRestart } from './api/panel-restart.js';
import type { ClusterView } from './api/ports.js';
import { keyOf, type KubeApi } from '#kube/api.js';
import type { DaemonSet } from '#kube/objects.js';
import { isTerminating, uidOf } from './facts/pods.js';
import { holdersOf } from './facts/target-pods.js';

/** Above any generation that a restart which is gone has commanded its gates with. */
const lastGeneration = 2 ** 31 - 1;

/**
 * Pods that a restart has which is not there any more, because somebody took its finalizer off: nobody else would give them back.
 */
export class StrayPods {
  readonly #view: ClusterView;
  readonly #api: Pick<KubeApi, 'list'>;
  /** Uids of restarts that are gone; the API server never makes one again. */
  readonly #gone = new Set<string>();

  constructor({ view, api }: { readonly view: ClusterView; readonly api: Pick<KubeApi, 'list'> }) {
    this.#view = view;
    this.#api = api;
  }

  /**
   * A restart that is over and going, in place of each that is gone and still has pods of the target. One is gone only when the API server says so.
   * @throws PaneletError when the API server cannot be asked.
   */
  async goneRestarts(target: DaemonSet, now: Date): Promise<readonly PanelRestart[]> {
    const known = new Set(this.#view.restartsOf(keyOf(target)).map(uidOf));
    const held = this.#view.heldPodsOf(target).filter((pod) => !isTerminating(pod));
    const missing = [...new Set(held.flatMap(holdersOf))].filter((uid) => !known.has(uid));
    if (missing.some((uid) => !this.#gone.has(uid))) {
      const { namespace } = target.metadata;
      const { items } = await this.#api.list(panelRestarts, namespace === undefined ? {} : { namespace });
      const there = new Set(items.map(uidOf));
      for (const uid of missing) if (!there.has(uid)) this.#gone.add(uid);
    }
    const gone = missing.filter((uid) => this.#gone.has(uid));
    for (const uid of this.#gone) if (!missing.includes(uid)) this.#gone.delete(uid);
    return gone.map((uid) => goneRestart(uid, target, now));
  }
}

function goneRestart(uid: string, { metadata }: DaemonSet, now: Date): PanelRestart {
  const { name, namespace } = metadata;
  const time = now.toISOString();
  return {
    metadata: {
      // Its name is nowhere to be found.
      name: uid,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      generation: lastGeneration,
      deletionTimestamp: time,
    },
    spec: { targetRef: { name } },
    status: { phase: 'Aborted', completionTime: time },
  };
}
