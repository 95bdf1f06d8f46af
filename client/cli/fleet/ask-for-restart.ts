import { defaultNamespace } from '../cluster/agent-pods.js';
import { kubectlOf, type CliContext } from '../access/cli-context.js';
import { daemonSetName } from '../cluster/daemon-set-name.js';
import type { TimeoutChoice } from '../io/flag-values.js';
import { answerTo, wordsAt } from '../cluster/request-answer.js';

/** How a restart is asked for. */
export interface RestartWish {
  readonly reason?: string;
  readonly drainTimeout?: string;
  readonly onTimeout?: TimeoutChoice;
  readonly maxUnavailable?: string;
}

/** A restart that was asked for. */
export interface AskedForRestart {
  /** `daemonset/<name>`. */
  readonly target: string;
  readonly namespace: string;
  /** Of the annotation, by which the restart is known. */
  readonly value: string;
  /** A controller has taken it up. */
  readonly isTaken: boolean;
}

/** Policies as annotations have them. */
const apiPolicies = { abort: 'Abort', force: 'Force', wait: 'Wait' } as const;

/**
 * Asks for a restart by annotation, as `kubectl annotate` does, and waits a moment for the controller's answer.
 * @throws CONFIG_INVALID for what is no DaemonSet; RESTART_FAILED with the controller's words when it refuses
 */
export async function askForRestart(context: CliContext, named: string, asked: RestartWish): Promise<AskedForRestart> {
  const { world } = context;
  const target = `daemonset/${daemonSetName(named)}`;
  const namespace = context.flags.namespace ?? defaultNamespace;
  const value = `${world.clock
    .date()
    .toISOString()
    .replace(/\W|\d{3}Z$/g, '')}-${world.random.uuid().slice(0, 8)}`;
  const options = {
    'restart-reason': asked.reason,
    'drain-timeout': asked.drainTimeout,
    'on-timeout': asked.onTimeout && apiPolicies[asked.onTimeout],
    'max-unavailable': asked.maxUnavailable,
  };
  const annotations = Object.entries(options).map(([key, option]) =>
    // An option of an earlier request must not leak into this one.
    option === undefined ? `panelet.dev/${key}-` : `panelet.dev/${key}=${option}`,
  );
  const annotate = ['annotate', target, `panelet.dev/restart=${value}`, ...annotations, '--overwrite', '-n', namespace];
  const kubectl = kubectlOf(context, world.stop);
  const request = { kubectl, clock: world.clock, namespace, target };
  const before = await wordsAt(request);
  await kubectl.run(annotate);
  const isTaken = await answerTo(request, value, before);
  // They are written down in the restart now; at the target they would be those of whoever annotates next.
  const used = Object.entries(options).flatMap(([key, option]) =>
    option === undefined ? [] : [`panelet.dev/${key}-`],
  );
  if (isTaken && used.length > 0) await kubectl.run(['annotate', target, ...used, '-n', namespace]);
  return { target, namespace, value, isTaken };
}
