import { existsSync } from 'node:fs';

/**
 * Tests of real processes that take long, mostly by waiting for what must not happen. `npm run trials` runs them, so that
 * `npm test` says within minutes whether a change holds; `npm run jest -- <path>` runs each of them, too.
 */
export const longTests = [
  'client/cli/cluster.test.ts',
  'test/integration/abandoned-drain.test.ts',
  'test/integration/agent-gate.test.ts',
  'test/integration/agent-kubernetes-sidecars.test.ts',
  'test/integration/agent-silent-workers.test.ts',
  'test/integration/agent-watches.test.ts',
  'test/integration/agent-workers.test.ts',
  'test/integration/black-holes.test.ts',
  'test/integration/board.test.ts',
  'test/integration/cli-cluster.test.ts',
  'test/integration/client-in-python.test.ts',
  'test/integration/clients-of-strangers.test.ts',
  'test/integration/containers-of-two-pods.test.ts',
  'test/integration/controller-process.test.ts',
  'test/integration/crowded-agent.test.ts',
  'test/integration/devcluster-beside.test.ts',
  'test/integration/devcluster-process.test.ts',
  'test/integration/exec-hostile.test.ts',
  'test/integration/exec-owners.test.ts',
  'test/integration/exec-panels.test.ts',
  'test/integration/exec.test.ts',
  'test/integration/fencing.test.ts',
  'test/integration/hosts-of-two-pods.test.ts',
  'test/integration/kubectl-refusals.test.ts',
  'test/integration/one-address.test.ts',
  'test/integration/python-sessions.test.ts',
  'test/integration/restart-beside.test.ts',
  'test/integration/soak.test.ts',
  'test/integration/terminal-modes.test.ts',
  'test/integration/two-agents.test.ts',
  'test/integration/worker-beside.test.ts',
  'test/integration/worker-hostile.test.ts',
  'test/integration/worker-one-holds.test.ts',
  'test/integration/worker-soak.test.ts',
];

// A path that leads nowhere would be a test that nobody runs.
for (const path of longTests) {
  if (!existsSync(new URL(`../${path}`, import.meta.url)))
    throw new Error(`test/long-tests.js names ${path}, which is not there.`);
}
