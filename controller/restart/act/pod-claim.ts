import { objectKey, pods } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import { claimAnnotation, type Claim } from '../api/annotations.js';
import { panelRestarts } from '../api/panel-restart.js';
import { referenceTo } from '../api/references.js';
import type { RestartEvent } from '../api/restart-event.js';
import { uidOf } from '../facts/pods.js';
import type { ActionContext, ActionTools } from './action-tools.js';

/** Writes at a pod which restart has it, or that none has; only while the pod is as this process knows it. */
export async function writeClaim({ api, view }: ActionTools, pod: Pod, claim: Claim | undefined): Promise<void> {
  const { resourceVersion } = pod.metadata;
  const annotations = { [claimAnnotation]: claim === undefined ? null : JSON.stringify(claim) };
  const metadata = { resourceVersion, uid: uidOf(pod), annotations };
  view.observe(pods, await api.patch(pods, objectKey(pod), { metadata }));
}

/** Says at the restart what happened to one of its pods. */
export function recordAt({ recorder }: ActionTools, { restart }: ActionContext, pod: Pod, event: RestartEvent): void {
  recorder.record(referenceTo(panelRestarts, restart), event, referenceTo(pods, pod));
}
