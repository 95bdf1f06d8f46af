import { objectKey, daemonSets, pods } from '#kube/api.js';
import type { DaemonSet, OwnerReference, Pod } from '#kube/objects.js';
import { claimAnnotation, daemonSetPodAnnotation, detachedBy, detachedLabel, type Claim } from '../api/annotations.js';
import { panelRestarts } from '../api/panel-restart.js';
import { referenceTo } from '../api/references.js';
import type { RestartEvent } from '../api/restart-event.js';
import { uidOf } from '../facts/pods.js';
import { detachLabelOf } from '../facts/surge.js';
import type { ActionContext, ActionOf, ActionTools } from './action-tools.js';

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

/** Says at the restart what happened to one of its pods. */
export function recordAt({ recorder }: ActionTools, { restart }: ActionContext, pod: Pod, event: RestartEvent): void {
  recorder.record(referenceTo(panelRestarts, restart), event, referenceTo(pods, pod));
}
