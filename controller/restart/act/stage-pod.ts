import { progress, type ActionContext, type ActionOf, type ActionResult, type ActionTools } from './action-tools.js';
import { writeClaim } from './pod-claim.js';
import { tellDone } from './tell-done.js';
import { tellWarmEnd } from './warm-end.js';

/** Writes the next stage of a pod that was taken out of its DaemonSet. */
export async function stagePod(
  tools: ActionTools,
  context: ActionContext,
  { pod, claim, event }: ActionOf<'stage'>,
): Promise<ActionResult> {
  await writeClaim(tools, pod, claim);
  if (claim.surge !== undefined) tellWarmEnd(tools, context, pod, claim.surge);
  const details = { deadline: claim.deadline, surge: claim.surge };
  tellDone(tools, context, { pod, decision: 'claimed', details, event });
  return progress;
}
