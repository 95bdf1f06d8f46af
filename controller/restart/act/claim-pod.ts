import {
  retryIn,
  retrySoonMs,
  progress,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';
import { recordAt, writeClaim } from './pod-claim.js';

/** Claims a pod: one claim on a node at a time, also where two targets are looked at side by side. */
export async function claimPod(
  tools: ActionTools,
  context: ActionContext,
  { pod, claim, event }: ActionOf<'claim'>,
): Promise<ActionResult> {
  const { claiming } = tools;
  const node = pod.spec?.nodeName ?? '';
  if (claiming.has(node) || context.isBusy(node)) return retryIn(retrySoonMs);
  claiming.add(node);
  try {
    await writeClaim(tools, pod, claim);
  } finally {
    claiming.delete(node);
  }
  tools.audit.decided(context.restart, 'claimed', { pod: pod.metadata.name, node, deadline: claim.deadline });
  recordAt(tools, context, pod, event);
  return progress;
}
