import { PaneletError } from '#common/errors/errors.js';
import { keyOf } from '#kube/api.js';
import { gateAddressOf } from '../facts/gate-provider.js';
import type { ActionContext, ActionOf, ActionResult, ActionTools } from './action-tools.js';
import { tryGate, uncordonRequest } from './gate-call.js';

/** Lets a gate serve again that outlived the pod it was closed for. */
export function reopenGate(
  tools: ActionTools,
  context: ActionContext,
  { gate, name }: ActionOf<'reopen'>,
): Promise<ActionResult> {
  return tryGate(tools, gate, async () => {
    const address = gateAddressOf(gate);
    if (address === undefined) throw new PaneletError('AGENT_UNREACHABLE', `Pod ${keyOf(gate)} has no gate.`);
    await tools.gates.uncordon(address, uncordonRequest(tools, context, name));
  });
}
