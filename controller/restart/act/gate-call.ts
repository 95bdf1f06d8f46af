import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Command, UncordonRequest } from '#proto/gate/v1/gate.js';

import { keyOf } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import type { GateAddress } from '../api/ports.js';
import { gateAddressOf, gatePodOf } from '../facts/gate-provider.js';
import type { PodName } from '../facts/host-pods.js';
import { uidOf } from '../facts/pods.js';
import {
  nameOf,
  progress,
  retryIn,
  retrySoonMs,
  type ActionContext,
  type ActionResult,
  type ActionTools,
} from './action-tools.js';

/** Who commands a gate: this leader, for this generation of the restart. */
export function commandOf({ leadership }: ActionTools, { restart }: ActionContext): Command {
  return {
    restartUid: uidOf(restart),
    fencing: leadership.fencing(),
    generation: restart.metadata.generation ?? 0,
  };
}

/** Asks a gate to serve again, if it is this restart that has it. */
export function uncordonRequest(tools: ActionTools, context: ActionContext, name?: PodName): UncordonRequest {
  const command = commandOf(tools, context);
  return { command, target: context.settings.gateTarget, podUid: name?.podUid, anyRestart: false };
}

/**
 * Where the gate of a pod answers.
 * @throws PaneletError AGENT_UNREACHABLE when it does nowhere.
 */
export function mustHaveAddress({ gateProviders }: ActionContext, pod: Pod): GateAddress {
  const address = gateAddressOf(gatePodOf(gateProviders, pod));
  if (address !== undefined) return address;
  throw new PaneletError('AGENT_UNREACHABLE', `No gate answers for pod ${keyOf(pod)}: no IP, or no port named gate.`);
}

/** A call to a gate that may fail without harm: the next look at it decides. */
export async function tryGate({ log }: ActionTools, pod: Pod, call: () => Promise<void>): Promise<ActionResult> {
  try {
    await call();
    return progress;
  } catch (error) {
    if (!isPaneletError(error)) throw error;
    log.info({ err: error, pod: nameOf(pod) }, 'Gate call failed');
    return retryIn(retrySoonMs);
  }
}
