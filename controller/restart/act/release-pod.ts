import { isPaneletError } from '#common/errors/errors.js';
import type { Pod } from '#kube/objects.js';
import { gateAddressOf, gatePodOf } from '../facts/gate-provider.js';
import type { PodName } from '../facts/host-pods.js';
import { uidOf } from '../facts/pods.js';
import {
  nameOf,
  progress,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';
import { uncordonRequest } from './gate-call.js';
import { writeClaim } from './pod-claim.js';
import { tellDone } from './tell-done.js';

/** Gives a pod back: its gate, where that is this restart's, and its claim. */
export async function releasePod(
  tools: ActionTools,
  context: ActionContext,
  { pod, uncordon, name, event }: ActionOf<'release'>,
): Promise<ActionResult> {
  tools.streams.stop(uidOf(pod));
  if (uncordon) await openGate(tools, context, pod, name);
  await writeClaim(tools, pod, undefined);
  tellDone(tools, context, { pod, decision: 'released', event });
  return progress;
}

/** Has the gate of a pod serve again, if it is this restart that keeps it from that. */
export async function openGate(tools: ActionTools, context: ActionContext, pod: Pod, name?: PodName): Promise<void> {
  const address = gateAddressOf(gatePodOf(context.gateProviders, pod));
  if (address === undefined) return;
  try {
    await tools.gates.uncordon(address, uncordonRequest(tools, context, name));
  } catch (error) {
    // One that cannot be reached, or is not cordoned by this restart any more, is freed by its lease.
    if (!isPaneletError(error, 'AGENT_UNREACHABLE') && !isPaneletError(error, 'GATE_REFUSED')) throw error;
    tools.log.info({ err: error, pod: nameOf(pod) }, 'Not uncordoned');
  }
}
