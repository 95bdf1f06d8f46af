import {
  retryIn,
  retrySoonMs,
  progress,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';
import { writeClaim, writeDetached } from './pod-claim.js';
import { tellDone } from './tell-done.js';

/** Claims a pod: one claim on a node at a time, also where two targets are looked at side by side. */
export async function claimPod(
  tools: ActionTools,
  context: ActionContext,
  action: ActionOf<'claim'> | ActionOf<'detach'>,
): Promise<ActionResult> {
  const { claiming } = tools;
  const { pod, claim, event } = action;
  const node = pod.spec?.nodeName ?? '';
  if (claiming.has(node) || context.isBusy(node)) return retryIn(retrySoonMs);
  claiming.add(node);
  try {
    if (action.kind === 'claim') await writeClaim(tools, pod, claim);
    else if (!(await writeDetached(tools, action))) return retryIn(retrySoonMs);
  } finally {
    claiming.delete(node);
  }
  const decision = action.kind === 'claim' ? 'claimed' : 'detached';
  tellDone(tools, context, { pod, decision, details: { node, deadline: claim.deadline }, event });
  return progress;
}
