import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createGateClient } from '#controller/gate/gate-client.js';
import { createPlainCredentials } from '#controller/gate/gate-credentials.js';
import { daemonSets, leases, type KubeApi } from '#kube/api.js';
import { createKubeClient } from '#kube/client-node/kube-client.js';
import { loadKubeConfig } from '#kube/client-node/load-kube-config.js';
import { createNoRestartMetrics } from '#controller/metrics/restart-metrics.js';
import type { PooledKubeConfig } from '#kube/client-node/pooled-kube-config.js';
import { isFinished, panelRestarts, type PanelRestart } from '#controller/restart/api/panel-restart.js';
import { startController, type RunningController } from '#controller/run-controller.js';
import { createFault, type Fault, type FaultPoint } from '#test/support/controller/faults.js';
import { startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';
import { withMethods } from '#test/support/with-methods.js';

const namespace = 'panelet-system';
const key = { namespace, name: 'panelet-agent' };
const leaseName = 'panelet-controller';
const root = process.cwd();
const clock = createSystemClock({ keepsAlive: true });
const random = createSystemRandom();

let cluster: TestCluster;
let config: PooledKubeConfig;
let api: KubeApi;
/** Deletes of pods that the API server took, by uid. */
const deletes = new Map<string, number>();
const violations: string[] = [];

/** The real API, with a look at every delete of a pod before it goes out. */
function watchedApi(real: KubeApi): KubeApi {
  return withMethods(real, {
    delete: async (resource, objectKey, preconditions) => {
      if (resource.plural !== 'pods') return real.delete(resource, objectKey, preconditions);
      const restarts = await real.list(panelRestarts, { namespace });
      const recorded = restarts.items
        .flatMap((restart) => restart.status?.active ?? [])
        .find(({ uid }) => uid === preconditions.uid)?.receipt;
      if (recorded?.digest === undefined) violations.push(`${objectKey.name} deleted before its receipt was recorded`);
      const answer = await real.delete(resource, objectKey, preconditions);
      deletes.set(preconditions.uid, (deletes.get(preconditions.uid) ?? 0) + 1);
      return answer;
    },
  });
}

/** One life of the real controller code in this process; ending it is as sudden as SIGKILL. */
interface Life {
  readonly fault: Fault;
  readonly running: RunningController;
  end(): Promise<void>;
}

function live(point: FaultPoint | undefined): Life {
  const gates = createGateClient({
    clock,
    credentials: createPlainCredentials(),
    token: () => cluster.cluster.token('controller'),
  });
  const fault = createFault(watchedApi(api), gates, point);
  const stop = new AbortController();
  const metrics = createNoRestartMetrics();
  const running = startController(
    { api: fault.api, gates: fault.gates, clock, random, log: createSilentLog(), metrics, signal: stop.signal },
    { namespace, identity: random.uuid(), leaseName, retryMs: 100 },
  );
  const end = async (): Promise<void> => {
    stop.abort();
    await running.ended;
    gates.close();
  };
  return { fault, running, end };
}

async function restartOf(value: string): Promise<PanelRestart | undefined> {
  const { items } = await api.list(panelRestarts, { namespace });
  return items.find(({ metadata }) => metadata.annotations?.['panelet.dev/restart-requested']?.endsWith(`:${value}`));
}

async function isOver(value: string): Promise<boolean> {
  const restart = await restartOf(value);
  return restart !== undefined && isFinished(restart) && (restart.metadata.finalizers ?? []).length === 0;
}

/** Waits until the life has died or the restart is over, and ends the life. */
async function untilOver(value: string, life: Life, point: FaultPoint): Promise<void> {
  try {
    await waitFor('a death or the end', async () => life.fault.isDead() || (await isOver(value)), 60_000);
  } catch (error) {
    const seen = { point, calls: life.fault.calls, restart: await restartOf(value) };
    throw new Error(`The restart ${value} did not end: ${JSON.stringify(seen, null, 1)}`, { cause: error });
  } finally {
    await life.end();
  }
}

/** Restarts with a controller that dies at the point; returns whether it got that far. */
async function restartWithDeath(value: string, point: FaultPoint): Promise<boolean> {
  const before = [...cluster.agentPods().values()].map(({ metadata }) => metadata.uid);
  const settled = new Map(deletes);
  const first = live(point);
  await api.patch(daemonSets, key, { metadata: { annotations: { 'panelet.dev/restart': value } } });
  await untilOver(value, first, point);
  const died = first.fault.isDead();
  if (died) {
    // What the lease does by itself after 15 s.
    await api.patch(leases, { namespace, name: leaseName }, { spec: { holderIdentity: '' } });
    await untilOver(value, live(undefined), point);
  }
  const restart = await restartOf(value);
  const counts = before.map((uid) => deletes.get(uid ?? '') ?? 0);
  expect({ point, phase: restart?.status?.phase, counts }).toEqual({
    point,
    phase: 'Succeeded',
    counts: counts.map(() => 1),
  });
  expect([...deletes.keys()].filter((uid) => !settled.has(uid)).sort()).toEqual([...before].sort());
  expect(restart?.status?.sessions).toMatchObject({ forced: 0, lost: 0 });
  return died;
}

describe('the controller against a real API server and real agents', () => {
  let load: EchoLoad;

  beforeAll(async () => {
    cluster = await startTestCluster({ binDirectory: join(root, 'dist/bin'), root, nodes: 1, controller: false });
    await cluster.agentsReady(30_000);
    config = loadKubeConfig(cluster.cluster.kubeconfig);
    api = createKubeClient({ config, clock });
    const node = cluster.cluster.nodes[0]!;
    const session = await cluster.client(node.name).open({ panel: 'echo' });
    load = startEchoLoad({ session, seed: 7, clock, longestPauseMs: 20, largestWriteBytes: 2_048 });
  }, 60_000);

  afterAll(async () => {
    await config.close();
    const left = await cluster.stop();
    if (left.length > 0) throw new Error(left.join('; '));
  }, 60_000);

  test('killed at every write and gate call in turn deletes every pod once, after its receipt, and no session loses a byte', async () => {
    let died = true;
    let call = 0;
    // Dying before a call is dying after the one before it.
    while (died) died = await restartWithDeath(`v${++call}`, { call, when: 'after' });
    expect(call).toBeGreaterThan(12);
    expect(violations).toEqual([]);
    const verdict = await load.finish(20_000);
    expect(verdict).toMatchObject({ errors: [], panelBytes: verdict.sentBytes, panelSha256: verdict.sentSha256 });
    expect(verdict.sentBytes).toBeGreaterThan(0);
  }, 600_000);
});
