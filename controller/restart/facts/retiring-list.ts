import type { Pod } from '#kube/objects.js';
import { retirementOf } from '../api/retirement.js';
import { uidOf } from './pods.js';

/** A pod that was replaced and stays for its sessions. */
export interface RetiringPod {
  readonly pod: Pod;
  /** How many it had when its gate was asked last; undefined when it was not yet. */
  readonly sessions: number | undefined;
}

/** The pods of a target that retire, found without a look at all of them for each pod that is to follow. */
export class RetiringList {
  readonly #uids = new Set<string>();
  readonly #byNode = new Map<string | undefined, RetiringPod[]>();
  /** By uid of the restart that replaced them. */
  readonly #byRestart = new Map<string | undefined, RetiringPod[]>();

  constructor(all: readonly RetiringPod[] = []) {
    for (const one of all) {
      this.#uids.add(uidOf(one.pod));
      addTo(this.#byNode, one.pod.spec?.nodeName, one);
      addTo(this.#byRestart, retirementOf(one.pod)?.restart, one);
    }
  }

  has(uid: string): boolean {
    return this.#uids.has(uid);
  }

  /** Those on the node of a pod. */
  beside(pod: Pod): readonly RetiringPod[] {
    return this.#byNode.get(pod.spec?.nodeName) ?? [];
  }

  /** Those that the restart of a uid has replaced. */
  replacedBy(restartUid: string): readonly RetiringPod[] {
    return this.#byRestart.get(restartUid) ?? [];
  }
}

function addTo(lists: Map<string | undefined, RetiringPod[]>, key: string | undefined, one: RetiringPod): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [one]);
  else list.push(one);
}
