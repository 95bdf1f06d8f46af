import { objectKey, daemonSets, pods } from '#kube/api.js';
import type { DaemonSet, OwnerReference, Pod } from '#kube/objects.js';
import {
  claimAnnotation,
  daemonSetPodAnnotation,
  detachedBy,
  detachedLabel,
  retireAtAnnotation,
  retirementAnnotation,
  retiringLabel,
  type Claim,
} from '../api/annotations.js';
import { retireAtText, retirementFrom, retirementOf } from '../api/retirement.js';
import { uidOf } from '../facts/pods.js';
import { detachLabelOf } from '../facts/surge.js';
import type { ActionOf, ActionTools } from './action-tools.js';

/** Writes at a pod which restart has it, or that none has; only while the pod is as this process knows it. */
export async function writeClaim(tools: ActionTools, pod: Pod, claim: Claim | undefined): Promise<void> {
  const annotations = { [claimAnnotation]: claim === undefined ? null : JSON.stringify(claim) };
  const isLetGo = claim === undefined && detachedBy(pod) !== undefined;
  await write(tools, pod, { annotations, ...(isLetGo ? { labels: { [detachedLabel]: null } } : {}) });
}

/**
 * Takes a pod out of its DaemonSet and claims it, in one patch. The lease of the controller owns it from then on, so that whoever empties the
 * node sees that it has an owner, and it goes with what is uninstalled. Returns false while the lease is not known.
 */
export async function writeDetached(tools: ActionTools, { pod, target, claim }: ActionOf<'detach'>): Promise<boolean> {
  const lease = tools.leadership.lease();
  const label = detachLabelOf(target);
  if (lease === undefined || label === undefined) return false;
  await write(tools, pod, {
    annotations: { [claimAnnotation]: JSON.stringify(claim), [daemonSetPodAnnotation]: 'true' },
    labels: { [detachedLabel]: claim.restart, [label.key]: null },
    ownerReferences: [...othersThan(target, pod), ownerReference(target, false), { ...lease, controller: true }],
  });
  return true;
}

/** Puts a pod back into its DaemonSet and takes the claim off, in one patch. */
export async function writePutBack(tools: ActionTools, { pod, target }: ActionOf<'putBack'>): Promise<void> {
  const label = detachLabelOf(target);
  await write(tools, pod, {
    annotations: { [claimAnnotation]: null, [daemonSetPodAnnotation]: null },
    labels: { [detachedLabel]: null, ...(label === undefined ? {} : { [label.key]: label.value }) },
    ownerReferences: [...othersThan(target, pod), ownerReference(target, true)],
  });
}

/** Has a pod retire: no restart has it any more, and it says until when it stays, in one patch. */
export async function writeRetired(
  tools: ActionTools,
  { pod, retirement, untilMs }: ActionOf<'retire'>,
): Promise<void> {
  await write(tools, pod, {
    annotations: {
      [claimAnnotation]: null,
      [retirementAnnotation]: JSON.stringify(retirement),
      [retireAtAnnotation]: retireAtText(untilMs),
    },
    labels: { [detachedLabel]: null, [retiringLabel]: 'true' },
  });
}

/**
 * Has a pod that retires owned by what is there now: after Panelet was installed anew, its owners may be gone. Whatever of its marks somebody has
 * taken off is written again, and what it still has of a restart, or of its DaemonSet, is taken off. False while the lease is not known.
 */
export async function writeOwners(tools: ActionTools, { pod, target }: ActionOf<'adopt'>): Promise<boolean> {
  const lease = tools.leadership.lease();
  if (lease === undefined) return false;
  const { kind: dsKind } = daemonSets;
  const others = othersThan(target, pod).filter(({ kind }) => kind !== dsKind && kind !== lease.kind);
  const label = detachLabelOf(target);
  const retirement = retirementOf(pod) ?? retirementFrom(target, '');
  // One that is gone can own nothing.
  const own = target.metadata.uid === undefined ? [] : [ownerReference(target, false)];
  await write(tools, pod, {
    annotations: { [claimAnnotation]: null, [retirementAnnotation]: JSON.stringify(retirement) },
    labels: { [detachedLabel]: null, [retiringLabel]: 'true', ...(label === undefined ? {} : { [label.key]: null }) },
    ownerReferences: [...others, ...own, { ...lease, controller: true }],
  });
  return true;
}

/** Owners of a pod that are neither its DaemonSet nor a controller. */
function othersThan(target: DaemonSet, pod: Pod): readonly OwnerReference[] {
  const owners = pod.metadata.ownerReferences ?? [];
  return owners.filter(({ uid, controller }) => uid !== uidOf(target) && controller !== true);
}

// Nothing of Panelet blocks the deletion of an owner.
function ownerReference(target: DaemonSet, controller: boolean): OwnerReference {
  const { group, version, kind } = daemonSets;
  return { apiVersion: `${group}/${version}`, kind, name: target.metadata.name, uid: uidOf(target), controller };
}

async function write({ api, view }: ActionTools, pod: Pod, change: object): Promise<void> {
  const { resourceVersion } = pod.metadata;
  const metadata = { resourceVersion, uid: uidOf(pod), ...change };
  view.observe(pods, await api.patch(pods, objectKey(pod), { metadata }));
}
