import { isPaneletError } from '#common/errors/errors.js';
import { objectKey, pods, type Preconditions } from '#kube/api.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import {
  nameOf,
  progress,
  quiet,
  retryIn,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';
import { mustHaveAddress, tryGate } from './gate-call.js';
import { tellDone } from './tell-done.js';

/** A receipt that is not given any more is looked at again after this. */
const lookAgainMs = 100;
/** An eviction that was refused is tried again after this. */
const evictAgainMs = 10_000;

/** Deletes or evicts a pod, but only one that is drained to this very moment. */
export async function killPod(
  tools: ActionTools,
  context: ActionContext,
  action: ActionOf<'delete'>,
): Promise<ActionResult> {
  const { pod } = action;
  const look = { drained: false };
  const asked = await tryGate(tools, pod, async () => {
    look.drained = await isStillDrained(tools, context, action);
  });
  if (!asked.progress) return asked;
  if (!look.drained) return retryIn(lookAgainMs);
  const { resourceVersion } = pod.metadata;
  const conditions = { uid: uidOf(pod), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  return action.evict ? evict(tools, context, action, conditions) : remove(tools, context, action, conditions);
}

/** The last look before the kill: the receipt must still be given, by the same instance, for this very restart. */
async function isStillDrained(
  { gates }: ActionTools,
  context: ActionContext,
  { pod, receipt, name }: ActionOf<'delete'>,
): Promise<boolean> {
  if (receipt.withoutReceipt !== undefined) return true;
  const given = await gates.receipt(mustHaveAddress(context, pod), uidOf(context.restart), name?.podUid);
  return (
    given?.digest === receipt.digest &&
    given?.instance === receipt.instance &&
    given?.target === context.settings.gateTarget
  );
}

/** The budget has the last word; while it refuses, the receipt stays good as long as the cordon is renewed. */
async function evict(
  tools: ActionTools,
  context: ActionContext,
  action: ActionOf<'delete'>,
  conditions: Preconditions,
): Promise<ActionResult> {
  try {
    await tools.api.evict(objectKey(action.pod), conditions);
  } catch (error) {
    if (!isPaneletError(error, 'DISRUPTION_REFUSED')) throw error;
    tools.log.info({ err: error, pod: nameOf(action.pod) }, 'Eviction refused');
    return retryIn(evictAgainMs);
  }
  recordKill(tools, context, action);
  return quiet;
}

async function remove(
  tools: ActionTools,
  context: ActionContext,
  action: ActionOf<'delete'>,
  conditions: Preconditions,
): Promise<ActionResult> {
  const { api, view } = tools;
  const gone = await api.delete(pods, objectKey(action.pod), conditions);
  if (gone !== undefined && uidOf(gone) === uidOf(action.pod)) view.observe(pods, gone);
  recordKill(tools, context, action);
  return gone !== undefined && isTerminating(gone) ? progress : quiet;
}

function recordKill(tools: ActionTools, context: ActionContext, action: ActionOf<'delete'>): void {
  const { pod, receipt, evict: evicted, event } = action;
  tools.streams.stop(uidOf(pod));
  tools.timings.killed(uidOf(pod));
  tellDone(tools, context, { pod, decision: 'killed', details: { podUid: uidOf(pod), evicted, receipt }, event });
}
