import { objectKey } from '#kube/api.js';
import { uncordonFinalizer } from '../api/annotations.js';
import { panelRestarts, type PanelRestart } from '../api/panel-restart.js';
import { uidOf } from '../facts/pods.js';
import { progress, quiet, type ActionContext, type ActionResult, type ActionTools } from './action-tools.js';

/** Keeps the restart from going before its gates serve again. */
export async function addFinalizer(tools: ActionTools, { restart }: ActionContext): Promise<ActionResult> {
  await writeFinalizers(tools, restart, [...otherFinalizers(restart), uncordonFinalizer]);
  return progress;
}

/** Lets the restart go. */
export async function removeFinalizer(tools: ActionTools, { restart }: ActionContext): Promise<ActionResult> {
  await writeFinalizers(tools, restart, otherFinalizers(restart));
  return quiet;
}

/** Deletes the restart. */
export async function removeRestart({ api }: ActionTools, { restart }: ActionContext): Promise<ActionResult> {
  await api.delete(panelRestarts, objectKey(restart), { uid: uidOf(restart) });
  return quiet;
}

function otherFinalizers(restart: PanelRestart): string[] {
  return (restart.metadata.finalizers ?? []).filter((name) => name !== uncordonFinalizer);
}

async function writeFinalizers(
  { api, view }: ActionTools,
  restart: PanelRestart,
  finalizers: readonly string[],
): Promise<void> {
  const { resourceVersion } = restart.metadata;
  const patch = { metadata: { resourceVersion, uid: uidOf(restart), finalizers } };
  view.observe(panelRestarts, await api.patch(panelRestarts, objectKey(restart), patch));
}
