import type { FakeClock } from '#common/time/clock.js';
import { pods } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import type { FakeKube } from './fake-kube.js';

/** What becomes of pods that the controller of a DaemonSet makes. */
export type Replacement = 'good' | 'crashing' | 'unpullable' | 'unschedulable' | 'quota' | 'unwanted' | 'waiting';

/** The world of a simulated controller of DaemonSets. */
export interface SimDaemonSetDeps {
  readonly clock: FakeClock;
  readonly kube: FakeKube;
  /** Uid of the DaemonSet. */
  readonly uid: string;
  readonly label: string;
  /** How far its cache is behind, in milliseconds. */
  readonly lagMs: () => number;
  /** Pods on a node, those that wait for room there too. */
  readonly podsOn: (node: string) => readonly Pod[];
  /** Makes a pod for a node, unless that cannot be. */
  readonly make: (node: string) => void;
  /** A pod is deleted because there are two. */
  readonly remove: (pod: Pod) => void;
}

/**
 * Makes pods where none of its own is, by label and controller, and removes all but the oldest where there are several: what it goes by is what it
 * saw a while ago, its deletes are by name.
 */
export function watchAsDaemonSet(deps: SimDaemonSetDeps): (node: string) => void {
  const { clock, kube, uid, label, lagMs, podsOn, make, remove } = deps;
  const isMine = ({ metadata }: Pod): boolean =>
    metadata.labels?.[label] === 'true' &&
    metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true) === true;
  const waits = (pod: Pod): number => Number((pod.spec?.nodeName ?? '') === '');
  const bornAt = (pod: Pod): number => Number(pod.metadata.name.split('-').at(-1));
  return (node) => {
    const seen = podsOn(node).filter(isMine);
    clock.after(lagMs(), () => {
      if (seen.length === 0 && !podsOn(node).some(isMine)) make(node);
      const alive = seen.filter((pod) => pod.metadata.deletionTimestamp === undefined);
      const [, ...excess] = alive.toSorted((a, b) => waits(a) - waits(b) || bornAt(a) - bornAt(b));
      for (const pod of excess) {
        const now = kube.find(pods, pod.metadata);
        if (now === undefined || now.metadata.uid !== pod.metadata.uid) continue;
        if (now.metadata.deletionTimestamp === undefined) remove(now);
      }
    });
  };
}
