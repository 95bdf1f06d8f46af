import { msToDuration } from '#common/time/duration.js';
import { cordonLeaseMs } from '../decide/gate-actions.js';
import { quiet, type ActionContext, type ActionOf, type ActionResult, type ActionTools } from './action-tools.js';
import { commandOf, mustHaveAddress, tryGate } from './gate-call.js';

/** Cordons a pod's gate for a time, or for longer; a renewal leads to nothing new. */
export async function cordonPod(
  tools: ActionTools,
  context: ActionContext,
  { pod, name, renewal }: ActionOf<'cordon'>,
): Promise<ActionResult> {
  const { reason, gateTarget } = context.settings;
  const result = await tryGate(tools, pod, () =>
    tools.gates.cordon(mustHaveAddress(context, pod), {
      command: commandOf(tools, context),
      lease: msToDuration(cordonLeaseMs),
      reason,
      target: gateTarget,
      podUid: name?.podUid,
    }),
  );
  return renewal && result.progress ? quiet : result;
}
