import { report, type CliContext } from '../access/cli-context.js';
import { planRestart, type PlanOptions } from './plan-restart.js';

/** Flags of `plan`. */
export type PlanFlags = PlanOptions;

/**
 * `panelet plan`: what a restart of the target would do, by a dry run that the controller answers; nothing is left
 * behind. JSON: `{target, namespace, message, status}`.
 */
export async function planCommand(context: CliContext, target: string, flags: PlanFlags): Promise<void> {
  const plan = await planRestart(context, target, flags);
  report(context, { json: plan, lines: [plan.message] });
}
