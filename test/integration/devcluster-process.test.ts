import { spawnSync } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pty from '@lydell/node-pty';
import type { StoredPod } from '#devcluster/launcher/pod.js';
import {
  agentPidsOf,
  areAgentsReady,
  clusterStateOf,
  kubectl,
  podsOf,
  processesOf,
  startDevClusterProcess,
  type DevClusterProcess,
} from '#test/support/devcluster-process.js';
import { waitFor } from '#test/support/wait-for.js';

const limitMs = 30_000;
let dir = '';
const processes: DevClusterProcess[] = [];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-dc-'));
});

afterAll(async () => {
  await stop();
  if (existsSync(join(dir, 'cluster.json')) && processesOf(dir).length > 0) throw new Error('Processes are left.');
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

function start(args: readonly string[] = [], stderr?: number): DevClusterProcess {
  const process = startDevClusterProcess(dir, args, stderr);
  processes.push(process);
  return process;
}

async function stop(): Promise<void> {
  const alive = processes.filter(isAlive);
  for (const { child } of alive) child.kill('SIGTERM');
  await Promise.all(alive.map(({ ended }) => ended));
}

const isAlive = ({ child }: DevClusterProcess): boolean => child.exitCode === null && child.signalCode === null;

/** The dev cluster that the tests share, whatever became of it before: its pods are Ready. */
async function running(): Promise<DevClusterProcess> {
  const cluster = processes.find(isAlive) ?? start();
  await cluster.started;
  await readyPods();
  return cluster;
}

async function readyPods(): Promise<readonly StoredPod[]> {
  await waitFor('two Ready pods', () => areAgentsReady(dir), limitMs);
  return podsOf(dir);
}

const agentPids = (): Readonly<Record<string, number>> => agentPidsOf(dir);

const identityOf = (pod: StoredPod): unknown => [
  pod.metadata.name,
  pod.metadata.uid,
  pod.status?.containerStatuses?.[0]?.restartCount,
];

const agentContainer = async () =>
  (await readyPods()).find((candidate) => candidate.spec.nodeName === 'node-a')?.status?.containerStatuses?.[0];

describe('panelet-devcluster', () => {
  test('goes on after SIGKILL with the same agents, and ends them all when it is stopped', async () => {
    const first = await running();
    const before = await readyPods();
    const pids = agentPids();
    expect(Object.keys(pids).sort()).toEqual(['node-a', 'node-b']);
    first.child.kill('SIGKILL');
    await first.ended;
    expect(agentPids()).toEqual(pids);
    const second = start();
    await second.started;
    const after = await readyPods();
    expect(after.map(identityOf)).toEqual(before.map(identityOf));
    expect(agentPids()).toEqual(pids);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect(processesOf(dir)).toEqual([]);
  }, 90_000);

  test('ends everything, too, when the window of its terminal is closed', async () => {
    await stop();
    const terminal = pty.spawn(process.execPath, ['dist/bin/panelet-devcluster.js', '--dir', dir], {});
    let shown = '';
    terminal.onData((text) => (shown += text));
    const ended = new Promise<{ readonly signal?: number }>((resolve) => terminal.onExit(resolve));
    await waitFor('the dev cluster on a terminal', () => shown.includes('Ctrl-C stops it'), limitMs);
    await readyPods();
    expect(processesOf(dir)).not.toEqual([]);
    // Its types leave it out: closes the terminal's side of the user.
    (terminal as unknown as { destroy(): void }).destroy();
    expect((await ended).signal).toBe(constants.signals.SIGHUP);
    expect(processesOf(dir)).toEqual([]);
  }, 90_000);

  test('goes on when its log cannot be written', async () => {
    await stop();
    const full = openSync('/dev/full', 'w');
    const cluster = start(['--log-level', 'debug'], full);
    closeSync(full);
    await cluster.started;
    await readyPods();
  }, 60_000);

  test('restarts an agent that died while nobody watched', async () => {
    const first = await running();
    const before = await agentContainer();
    const pids = agentPids();
    first.child.kill('SIGKILL');
    await first.ended;
    process.kill(pids['node-a'] ?? 0, 'SIGKILL');
    await start().started;
    await waitFor(
      'another agent on node-a',
      () => ![undefined, pids['node-a']].includes(agentPids()['node-a']),
      limitMs,
    );
    expect(await agentContainer()).toMatchObject({
      restartCount: (before?.restartCount ?? 0) + 1,
      lastState: { terminated: { reason: 'ContainerStatusUnknown', exitCode: 137 } },
    });
    expect(agentPids()['node-b']).toBe(pids['node-b']);
  }, 90_000);

  test('keeps its objects, addresses and tokens from one run to the next', async () => {
    const first = await running();
    await kubectl(dir, 'annotate', 'daemonset/panelet-agent', 'kept=yes');
    const state = clusterStateOf(dir);
    const config = readFileSync(join(dir, 'kubeconfig'), 'utf8');
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    await start().started;
    await readyPods();
    expect(await kubectl(dir, 'get', 'daemonset/panelet-agent', '-o', 'jsonpath={.metadata.annotations.kept}')).toBe(
      'yes',
    );
    expect(clusterStateOf(dir)).toEqual(state);
    expect(readFileSync(join(dir, 'kubeconfig'), 'utf8')).toBe(config);
    for (const file of ['kubeconfig', 'identities.yaml', 'tokens/alice', 'tokens/controller']) {
      expect(statSync(join(dir, file)).mode & 0o077).toBe(0);
    }
  }, 90_000);

  test('refuses a directory that another one has, and names it', async () => {
    const first = await running();
    const second = start();
    await expect(second.started).rejects.toThrow(
      new RegExp(`already runs in .*pid ${first.child.pid ?? 0}.*ALREADY_RUNNING`),
    );
    expect(await second.ended).toBe(1);
  }, 60_000);

  test('refuses a port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(startDevClusterProcess(join(dir, 'other'), ['--port', String(port)]).started).rejects.toThrow(
      new RegExp(`${port}.*taken.*PORT_TAKEN`, 'i'),
    );
    await new Promise((resolve) => server.close(resolve));
  }, 60_000);

  test('refuses a directory that cannot be used', async () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    await expect(startDevClusterProcess(file).started).rejects.toThrow(/Cannot use .*--dir.*STATE_DIR_UNUSABLE/);
  }, 60_000);

  test('tells what to try in lines that a shell can take', async () => {
    const cluster = await running();
    const text = await cluster.started;
    const names = await kubectl(dir, 'get', 'daemonset', '-o', 'name');
    expect(text).toContain(names.trim().replace('daemonset.apps/', 'annotate daemonset/'));
    const [evaluate = ''] = /eval ".*"/.exec(text) ?? [];
    const script = `${evaluate} && panelet ls -o json && kubectl get nodes -o name && env -u PANELET_TOKEN_FILE kubectl panelet --node node-b ls -o json`;
    const taken = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
    expect(taken).toMatchObject({ status: 0, stderr: '' });
    expect(taken.stdout).toMatch(/"node": ?"node-a"[^]*^node\/node-a\nnode\/node-b\n[^]*"node": ?"node-b"/m);
    cluster.child.kill('SIGTERM');
    await cluster.ended;
    const [, command = ''] = /\$\((.*)\)/.exec(evaluate) ?? [];
    const refused = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8' });
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/No dev cluster runs in .*npm start/);
  }, 60_000);
});
