import type { Action } from '../decide/snapshot.js';
import {
  progress,
  type ActionContext,
  type ActionOf,
  type ActionResult,
  type ActionTools,
  type ExecutorDeps,
} from './action-tools.js';
import { claimPod } from './claim-pod.js';
import { cordonPod } from './cordon-pod.js';
import { drainPod } from './drain-pod.js';
import { killPod } from './kill-pod.js';
import { putBackPod } from './put-back.js';
import { releasePod } from './release-pod.js';
import { reopenGate } from './reopen-gate.js';
import { reportResult } from './report-result.js';
import { addFinalizer, removeFinalizer, removeRestart } from './restart-object.js';
import { adoptPod, retirePod, tellRetired } from './retire-pod.js';
import { stagePod } from './stage-pod.js';

/** Does what {@link Action}s say. */
export interface Executor {
  execute(context: ActionContext, action: Action): Promise<ActionResult>;
}

type Perform<A extends Action> = (
  tools: ActionTools,
  context: ActionContext,
  action: A,
) => ActionResult | Promise<ActionResult>;

const performers: { readonly [K in Action['kind']]: Perform<ActionOf<K>> } = {
  addFinalizer,
  removeFinalizer,
  removeRestart,
  report: reportResult,
  claim: claimPod,
  detach: claimPod,
  stage: stagePod,
  putBack: putBackPod,
  release: releasePod,
  cordon: cordonPod,
  drain: drainPod,
  delete: killPod,
  retire: retirePod,
  tellRetired,
  adopt: adoptPod,
  reopen: reopenGate,
  raiseFencing,
};

/** Does the writes and calls of a restart. Every write is conditional, so that a late one does nothing. */
export function createExecutor(deps: ExecutorDeps): Executor {
  const tools: ActionTools = { ...deps, claiming: new Set() };
  return {
    execute: async (context, action) => {
      // The compiler does not see that the function and the action are of the same kind.
      const perform = performers[action.kind] as Perform<Action>;
      return perform(tools, context, action);
    },
  };
}

async function raiseFencing(
  { leadership }: ActionTools,
  _context: ActionContext,
  { above }: ActionOf<'raiseFencing'>,
): Promise<ActionResult> {
  await leadership.raise(above);
  return progress;
}
