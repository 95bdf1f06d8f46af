import { nodeNameOf } from '#common/daemon-placement.js';
import type { Pod } from '#kube/objects.js';
import type { Change } from '#kube/store.js';
import { claimOf, detachedBy, type Claim } from '../api/annotations.js';
import { isPodReady, uidOf } from './pods.js';

/** What an update brought: states of pods that are no longer theirs, and those that are now. */
export interface PodChanges {
  readonly before: readonly Pod[];
  readonly after: readonly Pod[];
}

/**
 * The pods of a target, found without a look at all of them. Only what has changed is looked at when they are updated, so a pod
 * of a large fleet costs no more than one of a small fleet.
 */
export class TargetPods {
  /** All of them as a list; undefined until somebody asks again. */
  #all: readonly Pod[] | undefined = [];
  readonly #byUid = new Map<string, Pod>();
  readonly #byNode = new Map<string, Set<Pod>>();
  readonly #byClaim = new Map<string, Set<Pod>>();
  /** Claims, read once. */
  readonly #claims = new Map<Pod, Claim>();
  readonly #notReady = new Set<Pod>();
  readonly #detached = new Set<Pod>();

  constructor(pods: readonly Pod[] = []) {
    this.update(pods);
  }

  get all(): readonly Pod[] {
    this.#all ??= [...this.#byUid.values()];
    return this.#all;
  }

  withUid(uid: string): Pod | undefined {
    return this.#byUid.get(uid);
  }

  onNode(node: string | undefined): readonly Pod[] {
    return [...(this.#byNode.get(node ?? '') ?? [])];
  }

  /** Pods that a restart has, by its uid: claimed, or taken out of their DaemonSet. */
  claimedBy(restartUid: string): readonly Pod[] {
    return [...(this.#byClaim.get(restartUid) ?? [])];
  }

  /** The claim on one of the pods; undefined when there is none or it is not readable. */
  claimOn(pod: Pod): Claim | undefined {
    return this.#claims.get(pod);
  }

  notReady(): readonly Pod[] {
    return [...this.#notReady];
  }

  /** Pods that were taken out of their DaemonSet. */
  detached(): readonly Pod[] {
    return [...this.#detached];
  }

  /** How many pods the target has or is to have: a pod that has its replacement beside it does not count twice. */
  get size(): number {
    const isDouble = (pod: Pod): boolean => (this.#byNode.get(nodeNameOf(pod) ?? '')?.size ?? 0) > 1;
    return this.#byUid.size - this.detached().filter(isDouble).length;
  }

  /** Takes over a list, in which pods that have not changed are the same objects; it costs least in the order of the one before. */
  update(pods: readonly Pod[]): PodChanges {
    if (pods === this.#all) return nothing;
    const changes = difference(this.all, pods);
    this.#take(changes);
    this.#all = pods;
    return changes;
  }

  /** Takes over changes, in order: what they cost does not depend on how many pods there are. */
  apply(changes: readonly Change<Pod>[]): PodChanges {
    const sum = sumOf(changes);
    if (sum.before.length + sum.after.length === 0) return nothing;
    this.#take(sum);
    this.#all = undefined;
    return sum;
  }

  #take({ before, after }: PodChanges): void {
    for (const pod of before) this.#remove(pod);
    for (const pod of after) this.#add(pod);
  }

  #remove(pod: Pod): void {
    this.#byUid.delete(uidOf(pod));
    removeFrom(this.#byNode, nodeNameOf(pod) ?? '', pod);
    for (const holder of holdersOf(pod)) removeFrom(this.#byClaim, holder, pod);
    this.#claims.delete(pod);
    this.#notReady.delete(pod);
    this.#detached.delete(pod);
  }

  #add(pod: Pod): void {
    this.#byUid.set(uidOf(pod), pod);
    addTo(this.#byNode, nodeNameOf(pod) ?? '', pod);
    for (const holder of holdersOf(pod)) addTo(this.#byClaim, holder, pod);
    const claim = claimOf(pod);
    if (claim !== undefined) this.#claims.set(pod, claim);
    if (!isPodReady(pod)) this.#notReady.add(pod);
    if (detachedBy(pod) !== undefined) this.#detached.add(pod);
  }
}

/** Uids of the restarts that have a pod: by its claim, and by the label of one that was taken out of its DaemonSet. */
export function holdersOf(pod: Pod): readonly string[] {
  return [...new Set([claimOf(pod)?.restart, detachedBy(pod)])].filter((uid) => uid !== undefined);
}

const nothing: PodChanges = { before: [], after: [] };

/** What has changed from before the first one until after the last one. */
function sumOf(changes: readonly Change<Pod>[]): PodChanges {
  const before = new Set<Pod>();
  const after = new Set<Pod>();
  for (const change of changes) {
    if (change.before !== undefined && !after.delete(change.before)) before.add(change.before);
    if (change.after !== undefined) after.add(change.after);
  }
  return { before: [...before], after: [...after] };
}

/** Both lists are walked once: pods keep their places, those that go leave a gap, those that come are at the end. */
function difference(known: readonly Pod[], pods: readonly Pod[]): PodChanges {
  const before: Pod[] = [];
  const after: Pod[] = [];
  let place = 0;
  for (const pod of known) {
    const now = pods[place];
    if (now === pod) {
      place++;
      continue;
    }
    before.push(pod);
    if (now === undefined || uidOf(now) !== uidOf(pod)) continue;
    after.push(now);
    place++;
  }
  return { before, after: [...after, ...pods.slice(place)] };
}

function addTo(sets: Map<string, Set<Pod>>, key: string | undefined, pod: Pod): void {
  if (key === undefined) return;
  const set = sets.get(key) ?? new Set<Pod>();
  sets.set(key, set.add(pod));
}

function removeFrom(sets: Map<string, Set<Pod>>, key: string | undefined, pod: Pod): void {
  if (key === undefined) return;
  const set = sets.get(key);
  set?.delete(pod);
  if (set?.size === 0) sets.delete(key);
}
