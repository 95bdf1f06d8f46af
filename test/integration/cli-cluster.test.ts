import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { podCondition } from '#devcluster/launcher/pod.js';
import { cliEnvironment, runCliProcess, startCliUser, type CliResult } from '#test/support/cli-user.js';
import {
  kubectl as runKubectl,
  podsOf,
  startDevClusterProcess,
  type DevClusterProcess,
} from '#test/support/devcluster-process.js';
import { createFakeKubectl, type FakeKubectl } from '#test/support/fake-kubectl.js';
import { packagedKubectl } from '#test/support/kubectl.js';
import { waitFor } from '#test/support/wait-for.js';

// The real kubectl for everything but port-forwards, which a dev cluster has not, and alice's token.
let dir = '';
let cluster: DevClusterProcess;
let kubectl: FakeKubectl;
let env: Record<string, string>;

const tokenOf = (name: string): string => join(dir, 'tokens', name);

async function allReady(): Promise<boolean> {
  const pods = await podsOf(dir);
  return pods.length === 2 && pods.every((pod) => podCondition(pod, 'Ready')?.status === 'True');
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-dc-'));
  cluster = startDevClusterProcess(dir);
  await cluster.started;
  await waitFor('two Ready pods', allReady, 60_000);
  kubectl = createFakeKubectl();
  kubectl.set({ pods: [], token: readFileSync(tokenOf('alice'), 'utf8').trim() });
  env = cliEnvironment(join(dir, 'home'), { KUBECONFIG: join(dir, 'kubeconfig'), REAL_KUBECTL: packagedKubectl() });
  env['PATH'] = `${kubectl.directory}:${env['PATH'] ?? ''}`;
}, 90_000);

afterAll(async () => {
  cluster.child.kill('SIGTERM');
  await cluster.ended;
  kubectl.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const cli = (...args: string[]): Promise<CliResult> =>
  runCliProcess([...args, '--plaintext'], { env, killAfterMs: 60_000 });

async function document(...args: string[]): Promise<unknown> {
  const { stdout, stderr } = await cli(...args, '-o', 'json');
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

test('a shell reached through a port-forward is the same after its agent was replaced', async () => {
  const person = startCliUser(['attach', '--node', 'node-a', '--via', 'port-forward', '--plaintext'], env);
  try {
    person.type('echo pid=$$-end\r');
    await person.sees(/pid=\d+-end/, 30_000);
    const shell = /pid=\d+-end/.exec(person.screen().join('\n'))?.[0] ?? '';
    const before = await podsOf(dir);
    expect((await cli('restart', '--wait')).code).toBe(0);
    const after = await podsOf(dir);
    expect(after.some((pod) => before.some((old) => old.metadata.uid === pod.metadata.uid))).toBe(false);
    person.type('clear; echo again pid=$$-end\r');
    await person.sees(`again ${shell}`, 30_000);
    person.type('exit 5\r');
    expect(await person.exit).toBe(5);
    expect(kubectl.forwards().length).toBeGreaterThan(1);
  } finally {
    person.close();
  }
}, 120_000);

test('status shows every agent: to an operator its gate, to others whether it serves', async () => {
  // A probe that came late on a busy machine makes an agent unready for a moment.
  await waitFor('two Ready pods', allReady, 60_000);
  const asAdmin = await document('status', '-n', 'panelet-system', '--token-file', tokenOf('admin'));
  const agents = ['node-a', 'node-b'].map((node) => ({ node, ready: true, gate: { state: 'SERVING', node } }));
  expect(asAdmin).toMatchObject({ agents, restarts: [{ status: { phase: 'Succeeded' } }] });
  const asUser = await cli('status', '-n', 'panelet-system');
  expect(asUser.stdout).toMatch(/node-a +panelet-agent-\S+ +yes +SERVING +\d/);
  expect(asUser.stdout).toMatch(/No restart is running\.\nFinished restarts: 1/);
}, 60_000);

test('plan says what would be restarted, restarts nothing, and leaves nothing behind', async () => {
  const before = await podsOf(dir);
  const plan = await cli('plan', 'ds/panelet-agent');
  expect(plan).toMatchObject({ code: 0, stderr: '' });
  expect(plan.stdout).toMatch(/2/);
  const uids = (pods: typeof before): unknown => pods.map((pod) => pod.metadata.uid).sort();
  expect(uids(await podsOf(dir))).toEqual(uids(before));
  expect(await document('status', '-n', 'panelet-system')).toMatchObject({ restarts: [{}] });
}, 60_000);

test('completes the nodes of the cluster', async () => {
  const { stdout } = await runCliProcess(['__complete', 'attach', '--node', ''], { env });
  expect(stdout).toBe('node-a\nnode-b\n:4\n');
}, 30_000);

test('kubectl rollout restart drains, as its pods are rolled out by the controller', async () => {
  const uids = async (): Promise<readonly unknown[]> => (await podsOf(dir)).map((pod) => pod.metadata.uid);
  const before = await uids();
  await runKubectl(dir, 'rollout', 'restart', 'ds/panelet-agent');
  const rollouts = `jsonpath={.items[?(@.metadata.annotations.panelet\\.dev/rollout-revision)].status.phase}`;
  await waitFor(
    'the rollout',
    async () => (await runKubectl(dir, 'get', 'prs', '-o', rollouts)) === 'Succeeded',
    60_000,
  );
  const after = await uids();
  expect(after).toHaveLength(2);
  expect(after.filter((uid) => before.includes(uid))).toEqual([]);
}, 90_000);
