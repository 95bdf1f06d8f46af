import { uidOf } from '../facts/pods.js';
import {
  progress,
  retryIn,
  retrySoonMs,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';
import { mustHaveAddress, tryGate } from './gate-call.js';
import { writePutBack } from './pod-claim.js';
import { openGate } from './release-pod.js';
import { tellDone } from './tell-done.js';
import { tellWarmEnd } from './warm-end.js';

/** Gives a pod back to its DaemonSet; where the newer one was drained for that, only if it is to this very moment. */
export async function putBackPod(
  tools: ActionTools,
  context: ActionContext,
  action: ActionOf<'putBack'>,
): Promise<ActionResult> {
  const { pod, drained, uncordon, name, event } = action;
  if (drained !== undefined) {
    const look = { isDrained: false };
    const asked = await tryGate(tools, drained.newer, async () => {
      look.isDrained = await isStillDrained(tools, context, drained);
    });
    if (!asked.progress) return asked;
    if (!look.isDrained) return retryIn(retrySoonMs);
    tools.streams.stop(uidOf(drained.newer));
  }
  tools.streams.stop(uidOf(pod));
  if (uncordon) await openGate(tools, context, pod, name);
  await writePutBack(tools, action);
  tellWarmEnd(tools, context, pod, 'back');
  tellDone(tools, context, { pod, decision: 'putBack', event });
  return progress;
}

async function isStillDrained(
  { gates }: ActionTools,
  context: ActionContext,
  { newer, receipt, name }: NonNullable<ActionOf<'putBack'>['drained']>,
): Promise<boolean> {
  const given = await gates.receipt(mustHaveAddress(context, newer), uidOf(context.restart), name?.podUid);
  return given?.digest === receipt.digest && given.instance === receipt.instance;
}
