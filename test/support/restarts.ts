import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StoredObject } from '#devcluster/store/kube-object.js';
import type { TestCluster } from './test-cluster.js';
import { waitFor } from './wait-for.js';

/** A PanelRestart, as far as it is looked at. */
export interface RestartObject extends StoredObject {
  status?: {
    phase?: string;
    conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
    pods?: { total?: number; succeeded?: number; failed?: number; summary?: string };
    sessions?: Readonly<Record<string, number | string>>;
    active?: readonly { pod: string; node?: string; step: string; holders?: unknown }[];
    failures?: readonly unknown[];
  };
}

/** How a restart is asked for by an annotation. */
export interface AnnotateOptions {
  readonly kubectl: string;
  /** A value that was not used before. */
  readonly value: string;
  readonly reason: string;
  /** Annotations to set with it, for example `panelet.dev/max-unavailable`. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly limitMs: number;
}

const run = promisify(execFile);
/** Where the agents and their restarts are. */
export const restartNamespace = 'panelet-system';

/** The restart that a value of the annotation asked for. */
export function restartOf(test: TestCluster, value: string): RestartObject | undefined {
  return test.cluster.store
    .list<RestartObject>('panelrestarts', { ns: restartNamespace })
    .items.find((item) => item.metadata.annotations?.['panelet.dev/restart-requested']?.endsWith(`:${value}`));
}

function condition(restart: RestartObject | undefined, type: string): string | undefined {
  return restart?.status?.conditions?.find((candidate) => candidate.type === type)?.status;
}

/** Asks for a restart with a real kubectl and waits until it has succeeded. @throws when it stalls or takes too long. */
export async function restartByAnnotation(test: TestCluster, options: AnnotateOptions): Promise<RestartObject> {
  const annotations = {
    'panelet.dev/restart': options.value,
    'panelet.dev/restart-reason': options.reason,
    ...options.annotations,
  };
  const words = Object.entries(annotations).map(([key, value]) => `${key}=${value}`);
  // Nothing is left in the home of who runs it.
  const cache = ['--cache-dir', join(test.cluster.dir, 'kubectl-cache')];
  const where = ['--kubeconfig', test.cluster.kubeconfig, '-n', restartNamespace, ...cache];
  await run(options.kubectl, [...where, 'annotate', 'daemonset/panelet-agent', ...words, '--overwrite']);
  await waitFor(
    `the restart ${options.value} to succeed`,
    () => {
      const restart = restartOf(test, options.value);
      if (condition(restart, 'Stalled') === 'True') {
        const stalled = restart?.status?.conditions?.find(({ type }) => type === 'Stalled');
        throw new Error(`The restart ${options.value} stalled: ${stalled?.reason ?? ''}, ${stalled?.message ?? ''}`);
      }
      return condition(restart, 'Succeeded') === 'True';
    },
    options.limitMs,
  );
  const restart = restartOf(test, options.value);
  if (restart === undefined) throw new Error('The restart was deleted.');
  return restart;
}

/** Process id of a node's agent. */
export function agentPid(test: TestCluster, nodeName: string): number | undefined {
  const pod = test.agentPods().get(nodeName);
  return pod === undefined ? undefined : test.cluster.containerPid(pod, 'agent');
}

/** Sends a signal to a node's agent and waits until another process of the same pod is Ready. @returns how long it took. */
export async function signalAgent(
  test: TestCluster,
  nodeName: string,
  signal: 'SIGTERM' | 'SIGKILL',
  limitMs: number,
): Promise<number> {
  const pid = agentPid(test, nodeName);
  if (pid === undefined) throw new Error(`The agent of ${nodeName} does not run.`);
  const startedMs = performance.now();
  process.kill(pid, signal);
  await waitFor(
    `another agent on ${nodeName}`,
    () => {
      const now = agentPid(test, nodeName);
      return now !== undefined && now !== pid;
    },
    limitMs,
  );
  return performance.now() - startedMs;
}
