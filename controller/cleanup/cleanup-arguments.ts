import { PaneletError } from '#common/errors/errors.js';
import { parseOptions } from '#common/process/parse-options.js';

/** What is cleaned up, and how patiently. */
export interface CleanupArguments {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** How long the controllers have to end everything themselves, in milliseconds. */
  readonly timeoutMs: number;
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, '': 1_000 };

/**
 * Reads the arguments of `panelet-controller cleanup`.
 * @throws PaneletError CONFIG_INVALID
 */
export function readCleanupArguments(args: readonly string[]): CleanupArguments {
  const values = parseOptions('panelet-controller', {
    args: [...args],
    options: {
      kubeconfig: { type: 'string' },
      namespace: { type: 'string', default: 'panelet-system' },
      timeout: { type: 'string', default: '120s' },
    },
  });
  const match = /^(\d{1,6})([sm]?)$/.exec(values.timeout);
  if (match === null) {
    const message = `--timeout is ${JSON.stringify(values.timeout)}; give seconds or minutes, such as 120s or 2m.`;
    throw new PaneletError('CONFIG_INVALID', message);
  }
  const timeoutMs = Number(match[1]) * (unitMs[match[2] ?? ''] ?? 1_000);
  return { kubeconfig: values.kubeconfig, namespace: values.namespace, timeoutMs };
}
