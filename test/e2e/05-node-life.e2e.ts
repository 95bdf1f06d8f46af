import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { isFlawless, startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { waitFor } from '#test/support/wait-for.js';
import { detachedBy } from '#controller/restart/api/annotations.js';
import { isReady } from './support/cluster-watch.js';
import { podDeletes, recordedReceipts } from './support/audit-log.js';
import { readAuditEvents } from './support/audit-tail.js';
import { readEnvironment } from './support/environment.js';
import { isOfPod, podProcesses } from './support/proc.js';
import { abandonRestarts, conditionOf, createRestart } from './support/restarts.js';
import { openShell } from './support/shell-session.js';
import { annotateRestart, openWorld, podUid, restartOver, type World } from './support/world.js';

const clock = createSystemClock({ keepsAlive: true });
let world: World;
let first: string;
let second: string;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  [first = '', second = ''] = world.nodeNames();
});
afterEach(async () => {
  await abandonRestarts(world);
  await world.settled(300_000);
});
afterAll(() => world.close());

async function load(node: string, seed: number): Promise<EchoLoad> {
  const session = await (await world.client(node)).open({ panel: 'echo' });
  const started = startEchoLoad({ session, seed, clock, longestPauseMs: 20 });
  await waitFor('bytes to flow', () => started.receivedBytes() > 100_000, 30_000);
  return started;
}

/** Kills the main process of a container of a node's pod, from the machine. */
function killProcess(node: string, component: 'agent' | 'host', pattern: RegExp): void {
  const uid = podUid(world, component, node);
  const found = podProcesses(pattern).filter((process) => isOfPod(process, uid));
  if (found.length === 0) throw new Error(`Nothing like ${pattern} runs in the ${component} pod of ${node}.`);
  for (const { pid } of found) process.kill(pid, 'SIGKILL');
}

/** Begins a restart of a node's agent, and waits until its replacement is ready beside it. @returns the name of the restart */
async function untilWarm(node: string): Promise<string> {
  const { metadata } = await createRestart(world, {
    nodeSelector: { 'kubernetes.io/hostname': node },
    // Long enough to do something to the node meanwhile.
    strategy: { maxSurge: 1, minReadySeconds: 30 },
  });
  await waitFor(
    'two agents on the node to be ready',
    () =>
      world.watch.restart(metadata.name)?.status?.active?.[0]?.step === 'Warm' &&
      world.watch.podsOn('agent', node).filter(isReady).length === 2,
    90_000,
  );
  return metadata.name;
}

/** Every pod is back in its DaemonSet, one on each node. */
async function expectTidy(): Promise<void> {
  await world.settled(300_000);
  expect(world.watch.pods().filter((pod) => detachedBy(pod) !== undefined)).toEqual([]);
  for (const node of world.nodeNames()) expect(world.watch.podsOn('agent', node)).toHaveLength(1);
}

const restartsOfAgent = (node: string): number =>
  world.pod('agent', node)?.status?.containerStatuses?.find(({ name }) => name === 'agent')?.restartCount ?? 0;

describe('the life of a node', () => {
  test('kubectl delete pod, which asks nobody, still drains: the kubelet’s SIGTERM does', async () => {
    const [echo, shell] = [await load(first, 51), await openShell(await world.client(first))];
    const before = podUid(world, 'agent', first);
    await world.kubectl('delete', 'pod', world.pod('agent', first)?.metadata.name ?? '', '--wait=true');
    await waitFor('another agent', () => isReady(world.pod('agent', first)), 60_000);
    expect(podUid(world, 'agent', first)).not.toBe(before);
    const verdict = await echo.finish(60_000);
    expect(verdict.errors).toEqual([]);
    expect(isFlawless(verdict)).toBe(true);
    const told = await shell.finish(30_000);
    expect(told.failures).toEqual([]);
    expect(told.after).toEqual(told.before);
  });

  test('kubectl drain of a node leaves its sessions alone, and uncordon is enough to go on', async () => {
    const [echo, shell] = [await load(second, 52), await openShell(await world.client(second))];
    try {
      await world.kubectl('drain', second, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=60s');
      const { metadata } = await annotateRestart(world);
      expect((await restartOver(world, metadata.name)).status?.phase).toBe('Succeeded');
    } finally {
      await world.kubectl('uncordon', second);
    }
    expect(isFlawless(await echo.finish(60_000))).toBe(true);
    expect((await shell.finish(30_000)).failures).toEqual([]);
  });

  test('kubectl drain of a node whose agent has its replacement beside it evicts the older one only, and nothing is lost', async () => {
    // Of the node that is stopped below: the controllers have left it.
    const [echo, shell] = [await load(second, 58), await openShell(await world.client(second))];
    const name = await untilWarm(second);
    const younger = podUid(world, 'agent', second);
    try {
      await world.kubectl(
        'drain',
        second,
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        '--force',
        '--timeout=120s',
      );
      await waitFor('the older one to be gone', () => world.watch.podsOn('agent', second).length === 1, 10_000);
      expect(podUid(world, 'agent', second)).toBe(younger);
      expect((await restartOver(world, name)).status).toMatchObject({ phase: 'Succeeded', sessions: { forced: 0 } });
    } finally {
      await world.kubectl('uncordon', second);
    }
    await expectTidy();
    const verdict = await echo.finish(60_000);
    expect(verdict.errors).toEqual([]);
    expect(isFlawless(verdict)).toBe(true);
    expect((await shell.finish(30_000)).failures).toEqual([]);
  });
});

// Only where nodes, processes and the API server may be broken.
const { ownCluster } = readEnvironment();
const describeOwn = ownCluster === undefined ? describe.skip : describe;

describeOwn('the life of a node that is broken', () => {
  test('an agent that is killed three times in a row costs time, never a byte', async () => {
    const [echo, shell] = [await load(first, 53), await openShell(await world.client(first))];
    const uid = podUid(world, 'agent', first);
    for (let round = 0; round < 3; round++) {
      const known = restartsOfAgent(first);
      killProcess(first, 'agent', /panelet-agent/);
      await waitFor(
        'the kubelet to start the agent again',
        () => restartsOfAgent(first) > known && isReady(world.pod('agent', first)),
        120_000,
      );
    }
    expect(podUid(world, 'agent', first)).toBe(uid);
    const verdict = await echo.finish(60_000);
    expect(verdict.errors).toEqual([]);
    expect(isFlawless(verdict)).toBe(true);
    expect((await shell.finish(30_000)).failures).toEqual([]);
  });

  test('the API server is away for half a minute in the middle of a restart: it goes on afterwards, sessions all the time', async () => {
    const [echo, other] = [await load(first, 54), await load(second, 55)];
    const { metadata } = await annotateRestart(world);
    await waitFor(
      'the restart to be under way',
      () => (world.watch.restart(metadata.name)?.status?.active?.length ?? 0) > 0,
      30_000,
    );
    const receivedBefore = other.receivedBytes();
    await world.cluster('restart-apiserver', '30');
    expect(other.receivedBytes()).toBeGreaterThan(receivedBefore);
    expect((await restartOver(world, metadata.name, 240_000)).status?.phase).toBe('Succeeded');
    for (const session of [echo, other]) {
      const verdict = await session.finish(60_000);
      expect(verdict.errors).toEqual([]);
      expect(isFlawless(verdict)).toBe(true);
    }
  });

  test('a node that is rebooted while an agent has its replacement beside it ends with one agent, after its receipt', async () => {
    const since = clock.date();
    const [echo, far] = [await load(first, 59), await load(second, 60)];
    const before = podUid(world, 'agent', second);
    const name = await untilWarm(second);
    await world.cluster('stop-node', second);
    await world.cluster('start-node', second);
    const over = await restartOver(world, name, 240_000);
    expect(over.status?.sessions?.forced ?? 0).toBe(0);
    await expectTidy();
    expect(podUid(world, 'agent', second) === before).toBe(over.status?.phase !== 'Succeeded');
    const events = ownCluster === undefined ? [] : readAuditEvents(ownCluster, since);
    const deletes = podDeletes(events).filter(({ user }) => user.endsWith(':panelet-controller'));
    const receipts = recordedReceipts(events);
    for (const { uid, atMs } of deletes) {
      expect(receipts.get(uid ?? '')?.withoutReceipt).toBeUndefined();
      expect(receipts.get(uid ?? '')?.atMs).toBeLessThanOrEqual(atMs);
    }
    const cut = await far.finish(60_000);
    // What a crash takes is said: by the client's loss event, or nothing was lost at all.
    if (!isFlawless(cut)) expect(cut.errors.some((error) => error.startsWith('lost'))).toBe(true);
    const near = await echo.finish(60_000);
    expect(near.errors).toEqual([]);
    expect(isFlawless(near)).toBe(true);
  });

  test('a power cut ends what cannot be saved and says so; the restart names the node; the node comes back and serves', async () => {
    const [echo, far, shell] = [
      await load(first, 56),
      await load(second, 57),
      await openShell(await world.client(second)),
    ];
    await world.cluster('stop-node', second);
    try {
      const { metadata } = await createRestart(world, {
        nodeSelector: { 'kubernetes.io/hostname': second },
        drain: { timeoutSeconds: 20, noticeSeconds: 0 },
      });
      const over = await restartOver(world, metadata.name, 150_000);
      expect(over.status?.phase).toBe('Failed');
      expect(conditionOf(over, 'Stalled').reason).toMatch(/NodeUnreachable|AgentUnreachable/);
    } finally {
      await world.cluster('start-node', second);
    }
    await waitFor(
      'the node to be ready',
      () => isReady(world.pod('agent', second)) && isReady(world.pod('host', second)),
      180_000,
    );
    await waitFor('the shell’s end to be told', () => shell.ended !== undefined || shell.failures.length > 0, 120_000);
    const cut = await far.finish(60_000);
    // What a crash takes is said: by the client's loss event, or nothing was lost at all.
    if (!isFlawless(cut)) expect(cut.errors.some((error) => error.startsWith('lost'))).toBe(true);
    const near = await echo.finish(60_000);
    expect(near.errors).toEqual([]);
    expect(isFlawless(near)).toBe(true);
    await shell.finish(1_000);
    const again = await openShell(await world.client(second));
    expect((await again.finish(30_000)).failures).toEqual([]);
  });
});
