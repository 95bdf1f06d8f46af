import { keyOf } from '#kube/api.js';
import type { DaemonSet, Pod } from '#kube/objects.js';
import { isFinished, type PanelRestart } from './api/panel-restart.js';
import type { ClusterView } from './api/ports.js';
import { OutstandingList } from './decide/outstanding-list.js';
import { ownerOf } from './facts/cluster-view.js';
import { uidOf } from './facts/pods.js';
import { TargetPods, type PodChanges } from './facts/target-pods.js';

interface Kept {
  readonly targetUid: string;
  readonly pods: TargetPods;
  /** How far what has happened to the target's own pods is known. */
  upTo: number | undefined;
  /** Pods that its restarts have although it does not own them, or not any more. */
  strangers: readonly Pod[];
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
    const changes = this.#takeNews(kept, target);
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

  #takeNews(kept: Kept, target: DaemonSet): PodChanges {
    const { upTo, changes } = this.#view.podNewsOf(target, kept.upTo);
    const known = kept.strangers;
    const strangers = this.#strangersOf(target);
    kept.upTo = upTo;
    kept.strangers = strangers;
    if (changes === undefined) {
      const owned = this.#view.podsOf(target);
      return kept.pods.update(strangers.length === 0 ? owned : [...owned, ...strangers]);
    }
    const gone = known.filter((pod) => !strangers.includes(pod)).map((before) => ({ before, after: undefined }));
    const came = strangers.filter((pod) => !known.includes(pod)).map((after) => ({ before: undefined, after }));
    return kept.pods.apply([...gone, ...changes, ...came]);
  }

  /** What restarts of the target have although it does not own it, or not any more. */
  #strangersOf(target: DaemonSet): readonly Pod[] {
    const held = this.#view.restartsOf(keyOf(target)).flatMap((restart) => this.#view.podsHeldBy(uidOf(restart)));
    return [...new Set(held)].filter((pod) => ownerOf(pod)?.uid !== uidOf(target));
  }

  #keptFor(lookerKey: string, target: DaemonSet): Kept {
    const own = this.#kept.get(lookerKey) ?? new Map<string, Kept>();
    this.#kept.set(lookerKey, own);
    const known = own.get(keyOf(target));
    if (known?.targetUid === uidOf(target)) return known;
    const kept: Kept = {
      targetUid: uidOf(target),
      pods: new TargetPods(),
      upTo: undefined,
      strangers: [],
      outstanding: new Map<string, OutstandingList>(),
    };
    own.set(keyOf(target), kept);
    return kept;
  }
}
