import { keyOf } from '#kube/api.js';
import type { DaemonSet, Pod } from '#kube/objects.js';
import { isFinished, type PanelRestart } from './api/panel-restart.js';
import type { ClusterView } from './api/ports.js';
import { OutstandingList } from './decide/outstanding-list.js';
import { ownerOf } from './facts/cluster-view.js';
import { uidOf } from './facts/pods.js';
import { TargetPods } from './facts/target-pods.js';

interface Kept {
  readonly targetUid: string;
  readonly pods: TargetPods;
  /** By uid of the restart. */
  readonly outstanding: Map<string, OutstandingList>;
}

/**
 * The pods that looks at targets go by, kept from one look to the next, so that a look costs what has changed. Each target has its
 * own of everything it looks at: while it waits for an answer, no other look changes what it has seen.
 */
export class KeptPods {
  readonly #view: ClusterView;
  /** By key of the target that looks, and of the one that is looked at. */
  readonly #kept = new Map<string, Map<string, Kept>>();

  constructor(view: ClusterView) {
    this.#view = view;
  }

  /** The pods of a target as they are now, for looks at `lookerKey`. */
  podsOf(lookerKey: string, target: DaemonSet): TargetPods {
    return this.#update(lookerKey, target).pods;
  }

  /** The pods that a restart of the target still has to restart, in order. */
  outstandingOf(target: DaemonSet, restart: PanelRestart): readonly Pod[] {
    const { pods, outstanding } = this.#update(keyOf(target), target);
    const list = outstanding.get(uidOf(restart)) ?? new OutstandingList();
    outstanding.set(uidOf(restart), list);
    return list.of({ restart, nodes: this.#view.nodes() }, pods);
  }

  /** Forgets what looks at a target went by: its pods, and those of others that it looks at. */
  forget(lookerKey: string): void {
    this.#kept.delete(lookerKey);
  }

  #update(lookerKey: string, target: DaemonSet): Kept {
    const kept = this.#keptFor(lookerKey, target);
    const changes = kept.pods.update(this.#allPodsOf(target));
    if (kept.outstanding.size > 0 && changes.before.length + changes.after.length > 0) {
      const restarts = new Map(this.#view.restartsOf(keyOf(target)).map((restart) => [uidOf(restart), restart]));
      for (const [uid, list] of kept.outstanding) {
        const restart = restarts.get(uid);
        if (restart === undefined || isFinished(restart)) kept.outstanding.delete(uid);
        else list.update({ restart, nodes: this.#view.nodes() }, changes);
      }
    }
    return kept;
  }

  /** What the target owns, and what its restarts have although it does not own it, or not any more. */
  #allPodsOf(target: DaemonSet): readonly Pod[] {
    const owned = this.#view.podsOf(target);
    const held = this.#view.restartsOf(keyOf(target)).flatMap((restart) => this.#view.podsHeldBy(uidOf(restart)));
    const strangers = [...new Set(held)].filter((pod) => ownerOf(pod)?.uid !== uidOf(target));
    return strangers.length === 0 ? owned : [...owned, ...strangers];
  }

  #keptFor(lookerKey: string, target: DaemonSet): Kept {
    const own = this.#kept.get(lookerKey) ?? new Map<string, Kept>();
    this.#kept.set(lookerKey, own);
    const known = own.get(keyOf(target));
    if (known?.targetUid === uidOf(target)) return known;
    const kept = { targetUid: uidOf(target), pods: new TargetPods(), outstanding: new Map<string, OutstandingList>() };
    own.set(keyOf(target), kept);
    return kept;
  }
}
