import { PaneletError } from '#common/errors/errors.js';
import { defaultNamespace } from '../cluster/agent-pods.js';
import { kubectlOf, type CliContext } from '../access/cli-context.js';
import { daemonSetName } from '../cluster/daemon-set-name.js';
import { conditionMessage, type RestartObject } from './restart-object.js';
import { watchStatus } from './watch-status.js';

/** What a plan is asked for with. */
export interface PlanOptions {
  readonly reason?: string;
  /** Of waiting for the controller, in milliseconds. */
  readonly timeout: number;
}

/** What a restart of a target would do. */
export interface RestartPlan {
  /** Name of the DaemonSet. */
  readonly target: string;
  readonly namespace: string;
  /** In the controller's words. */
  readonly message: string;
  readonly status: NonNullable<RestartObject['status']>;
}

// Should this process not get to delete it.
const ttlSeconds = 300;

async function waitForPlan(
  context: CliContext,
  name: string,
  namespace: string,
  timeoutMs: number,
): Promise<RestartObject> {
  let phase = 'Pending';
  for await (const status of watchStatus(context, { name, namespace }, timeoutMs)) {
    const restart = { metadata: { name, namespace }, status };
    phase = status.phase ?? phase;
    if (status.completionTime !== undefined) return restart;
    if (phase !== 'Stalled') continue;
    throw new PaneletError('RESTART_FAILED', `It would not start: ${conditionMessage(restart, 'Stalled')}`);
  }
  const seen =
    phase === 'Pending' ? 'No controller has taken it up: check that panelet-controller runs.' : `It is ${phase}.`;
  throw new PaneletError('TIMEOUT', `There is no plan after ${timeoutMs / 1000} s. ${seen}`);
}

/**
 * Has the controller answer a dry run of a restart, of which nothing is left behind.
 * @throws CONFIG_INVALID for what is no DaemonSet; RESTART_FAILED where it would not start or not succeed; TIMEOUT where nobody answers
 */
export async function planRestart(context: CliContext, target: string, options: PlanOptions): Promise<RestartPlan> {
  const namespace = context.flags.namespace ?? defaultNamespace;
  const name = daemonSetName(target);
  const dryRun = {
    apiVersion: 'panelet.dev/v1alpha1',
    kind: 'PanelRestart',
    metadata: { generateName: `plan-${name}-`.slice(0, 58), namespace },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'DaemonSet', name },
      dryRun: true,
      ttlSecondsAfterFinished: ttlSeconds,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    },
  };
  const create = ['create', '-n', namespace, '-f', '-', '-o', 'name'];
  const made = (await kubectlOf(context, context.world.stop).run(create, JSON.stringify(dryRun))).trim();
  const restart = made.slice(made.lastIndexOf('/') + 1);
  try {
    const done = await waitForPlan(context, restart, namespace, options.timeout);
    const message = conditionMessage(done, 'Succeeded');
    if (done.status?.phase !== 'Succeeded') {
      throw new PaneletError('RESTART_FAILED', `A restart of ${name} would not succeed. ${message}`.trim());
    }
    return { target: name, namespace, message, status: done.status };
  } finally {
    // Also when the user has interrupted.
    const remove = ['delete', 'panelrestart', restart, '-n', namespace, '--ignore-not-found', '--wait=false'];
    await kubectlOf(context).run(remove);
  }
}
