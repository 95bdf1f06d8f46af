import type { StoredPod } from '../launcher/pod.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { selectorText, type StoredDaemonSet } from './daemon-set.js';
import { ownedBy } from './revisions.js';

function isOwnedBy(pod: StoredPod, set: StoredDaemonSet): boolean {
  return (
    pod.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === set.metadata.uid) === true
  );
}

function isOrphan(pod: StoredPod): boolean {
  return pod.metadata.ownerReferences?.some((owner) => owner.controller === true) !== true;
}

async function rewriteOwners(store: ObjectStore, pod: StoredPod, change: (pod: StoredPod) => void): Promise<boolean> {
  try {
    await store.mutate<StoredPod>('pods', { ns: pod.metadata.namespace, name: pod.metadata.name }, (stored) => {
      if (stored.metadata.uid === pod.metadata.uid) change(stored);
    });
    return true;
  } catch (error) {
    if (isStatusError(error, 'NotFound')) return false;
    throw error;
  }
}

/**
 * Pods of a set: those it owns and selects. One that it owns but no longer selects is released, an orphan that it
 * selects is adopted, as ControllerRefManager does in Kubernetes.
 */
export async function claimPods(store: ObjectStore, set: StoredDaemonSet): Promise<StoredPod[]> {
  const ns = set.metadata.namespace ?? '';
  const selected = store.list<StoredPod>('pods', { ns, labelSelector: selectorText(set.spec.selector) }).items;
  const names = new Set(selected.map((pod) => pod.metadata.name));
  const released = store
    .list<StoredPod>('pods', { ns })
    .items.filter((pod) => isOwnedBy(pod, set) && !names.has(pod.metadata.name));
  for (const pod of released) {
    await rewriteOwners(store, pod, (stored) => {
      stored.metadata.ownerReferences = (stored.metadata.ownerReferences ?? []).filter(
        (owner) => owner.uid !== set.metadata.uid,
      );
    });
  }
  const mine = selected.filter((pod) => isOwnedBy(pod, set));
  const orphans = selected.filter((pod) => isOrphan(pod) && pod.metadata.deletionTimestamp === undefined);
  for (const pod of orphans) {
    const adopted = await rewriteOwners(store, pod, (stored) => {
      // A reference that is there already, without being the controller's, becomes that.
      const others = (stored.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== set.metadata.uid);
      stored.metadata.ownerReferences = [...others, ownedBy(set)];
    });
    if (adopted) mine.push(pod);
  }
  return mine;
}
