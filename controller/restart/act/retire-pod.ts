import { isPaneletError } from '#common/errors/errors.js';
import { msToTimestamp } from '#common/time/timestamp.js';
import { uidOf } from '../facts/pods.js';
import {
  nameOf,
  progress,
  quiet,
  retryIn,
  retrySoonMs,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';
import { commandOf, mustHaveAddress, tryGate } from './gate-call.js';
import { writeOwners, writeRetired } from './pod-claim.js';
import { tellDone } from './tell-done.js';

/** A gate that does not take in that a pod retires, as one of an earlier release, is told again after this. */
const tellAgainMs = 10_000;

/** Has a pod retire whose replacement serves. From then on it is no restart's. */
export async function retirePod(
  tools: ActionTools,
  context: ActionContext,
  action: ActionOf<'retire'>,
): Promise<ActionResult> {
  const { pod, event } = action;
  tools.streams.stop(uidOf(pod));
  await writeRetired(tools, action);
  tellDone(tools, context, { pod, decision: 'retired', event });
  return progress;
}

/** Tells the gate of a pod's node that the pod retires, and until when. */
export async function tellRetired(
  tools: ActionTools,
  context: ActionContext,
  { pod, untilMs }: ActionOf<'tellRetired'>,
): Promise<ActionResult> {
  const told = await tryGate(tools, pod, () =>
    tools.gates.retire(mustHaveAddress(context, pod), {
      command: commandOf(tools, context),
      target: context.settings.gateTarget,
      podUid: uidOf(pod),
      retireAt: Number.isFinite(untilMs) ? msToTimestamp(untilMs) : undefined,
    }),
  );
  return told.progress ? told : retryIn(tellAgainMs);
}

/** Gives a pod that retires the owners that are there now. */
export async function adoptPod(
  tools: ActionTools,
  _context: ActionContext,
  action: ActionOf<'adopt'>,
): Promise<ActionResult> {
  try {
    if (!(await writeOwners(tools, action))) return retryIn(retrySoonMs);
  } catch (error) {
    // It goes with its last session all the same.
    if (!isPaneletError(error, 'API_REFUSED')) throw error;
    tools.log.warn({ err: error, pod: nameOf(action.pod) }, 'A pod that retires cannot be given its owners');
    return quiet;
  }
  tools.log.info({ pod: nameOf(action.pod) }, 'A pod that retires has owners again');
  return quiet;
}
