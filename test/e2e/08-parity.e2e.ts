import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startDevClusterProcess, type DevClusterProcess } from '#test/support/devcluster-process.js';
import { makeTestDirectory } from '#test/support/test-cluster.js';
import { compareClusters } from './parity/parity.js';
import { readEnvironment } from './support/environment.js';

const dir = makeTestDirectory();
let devCluster: DevClusterProcess;

beforeAll(async () => {
  devCluster = startDevClusterProcess(dir);
  await devCluster.started;
});
afterAll(async () => {
  devCluster.child.kill('SIGTERM');
  if (devCluster.child.exitCode === null) await once(devCluster.child, 'close');
});

test('the dev cluster answers a script of kubectl commands as a real one does', async () => {
  const { kubectl, kubeconfig, root } = readEnvironment();
  const { commands, differences, unusedKnown } = await compareClusters({
    kubectl,
    kubeconfigA: join(dir, 'kubeconfig'),
    kubeconfigB: kubeconfig,
    directory: join(root, 'test/e2e/parity'),
  });
  process.stdout.write(`  ${commands} commands\n`);
  expect(differences).toEqual([]);
  expect(unusedKnown).toEqual([]);
  expect(commands).toBeGreaterThan(100);
});
