import type { Pod } from '#kube/objects.js';
import { rolloutOf } from '../facts/revisions.js';
import type { PodChanges, TargetPods } from '../facts/target-pods.js';
import { compareTurns, isOutstanding, outstandingPods, type Selection } from './outstanding-pods.js';

/** What {@link outstandingPods} says of one restart, kept up to date: a change of one pod costs one look at it. */
export class OutstandingList {
  #madeFor: string | undefined;
  #list: readonly Pod[] = [];

  /** Takes in changes of the target's pods, for the restart as it was. */
  update(selection: Selection, { before, after }: PodChanges): void {
    if (this.#madeFor === undefined || this.#madeFor !== nameOf(selection)) return;
    const gone = before.filter((pod) => isOutstanding(selection, pod));
    const added = after.filter((pod) => isOutstanding(selection, pod));
    if (gone.length + added.length === 0) return;
    // Whoever has the list goes on with the one that there was.
    const list = [...this.#list];
    for (const pod of gone) {
      const guess = placeOf(list, pod);
      const place = list[guess] === pod ? guess : list.indexOf(pod);
      if (place >= 0) list.splice(place, 1);
    }
    for (const pod of added) list.splice(placeOf(list, pod), 0, pod);
    this.#list = list;
  }

  /** The pods in order. All are looked at when the restart itself is another one than before. */
  of(selection: Selection, pods: TargetPods): readonly Pod[] {
    const name = nameOf(selection);
    if (name !== undefined && name === this.#madeFor) return this.#list;
    this.#madeFor = name;
    this.#list = outstandingPods(selection, pods.all);
    return this.#list;
  }
}

/** Everything but pods that the list depends on; undefined where that cannot be named, as of the labels of nodes. */
function nameOf({ restart }: Selection): string | undefined {
  const { metadata, spec, status } = restart;
  if (spec.nodeSelector !== undefined) return undefined;
  return JSON.stringify([metadata.generation, status?.failures?.length ?? 0, rolloutOf(restart)]);
}

/** Where a pod belongs in a list that is in order. */
function placeOf(list: readonly Pod[], pod: Pod): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const other = list[middle];
    if (other !== undefined && compareTurns(other, pod) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
