import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createSystemClock, timestamp } from '#common/time/clock.js';
import { startEchoLoad, isFlawless, type EchoLoad } from '#test/support/echo-load.js';
import { waitFor } from '#test/support/wait-for.js';
import { readAuditEvents } from './support/audit-tail.js';
import { abandonRestarts, conditionOf, createRestart, patchRestart, restartIn } from './support/restarts.js';
import { openShell } from './support/shell-session.js';
import { annotateRestart, openWorld, podUid, restartOver, type World } from './support/world.js';

const clock = createSystemClock({ keepsAlive: true });
let world: World;
let nodes: readonly string[];

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  nodes = world.nodeNames();
});
afterEach(async () => {
  await world.kubectl('delete', 'pdb', 'e2e', '--ignore-not-found');
  await abandonRestarts(world);
  await world.settled();
});
afterAll(() => world.close());

const uids = (): string[] => nodes.map((node) => podUid(world, 'agent', node));

async function isServing(node: string): Promise<boolean> {
  const { panels } = await (await world.client(node)).listPanels();
  return panels.every(({ serving }) => serving);
}

/** A session that its node's restart has to get past, so that the restart lasts for a while. @returns what ends it. */
async function holdNode(node: string, holdMs: number): Promise<() => Promise<void>> {
  const client = await world.client(node);
  const session = await client.open({ panel: 'echo' });
  await session.send('hold', Buffer.from(JSON.stringify({ ms: holdMs })));
  await session.flushed();
  return async () => {
    await client.endSession(session.sessionId).catch(() => undefined);
    await session.detach();
  };
}

describe('the controller', () => {
  test('a dry run says how many sessions would be kept, checkpointed and ended, and touches nothing', async () => {
    const before = uids();
    const client = await world.client(nodes[0] ?? '');
    const shell = await openShell(client);
    const echo = await client.open({ panel: 'echo' });
    const agents = await createRestart(world, { dryRun: true });
    const hosts = await createRestart(world, { dryRun: true }, 'panelet-host');
    const [forAgents, forHosts] = await Promise.all(
      [agents, hosts].map(({ metadata }) => restartOver(world, metadata.name, 30_000)),
    );
    expect(conditionOf(forAgents, 'Succeeded')).toMatchObject({ reason: 'DryRun' });
    expect(conditionOf(forAgents, 'Succeeded').message).toMatch(/2 pods/);
    expect(conditionOf(forAgents, 'Succeeded').message).toMatch(/\d+ sessions? kept/);
    expect(conditionOf(forAgents, 'Succeeded').message).toMatch(/\d+ checkpointed/);
    expect(conditionOf(forHosts, 'Succeeded').message).toMatch(/\d+ sessions? kept \(\d+ of them in old pods/);
    expect(uids()).toEqual(before);
    await echo.terminate();
    expect((await shell.finish(20_000)).failures).toEqual([]);
  });

  test.each([
    ['maxUnavailable', { maxSurge: 0, maxUnavailable: 2 }],
    ['maxSurge', { maxSurge: 2, maxUnavailable: 0 }],
  ])('%s 2 restarts both nodes at once; minReadySeconds is waited for', async (_, strategy) => {
    const before = uids();
    const { metadata } = await createRestart(world, { strategy: { ...strategy, minReadySeconds: 3 } });
    let together = 0;
    await waitFor(
      'the restart to be over',
      () => {
        const status = world.watch.restart(metadata.name)?.status;
        together = Math.max(together, status?.active?.length ?? 0);
        return status?.completionTime !== undefined;
      },
      120_000,
    );
    expect(together).toBe(2);
    expect(world.watch.restart(metadata.name)?.status?.phase).toBe('Succeeded');
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
  });

  test('a node selector restarts that node only', async () => {
    const [first = '', second = ''] = nodes;
    const before = uids();
    const { metadata } = await createRestart(world, { nodeSelector: { 'kubernetes.io/hostname': second } });
    expect((await restartOver(world, metadata.name)).status?.pods?.summary).toBe('1/1');
    expect(podUid(world, 'agent', first)).toBe(before[0]);
    expect(podUid(world, 'agent', second)).not.toBe(before[1]);
  });

  test('paused, it starts nothing; resumed, it goes on; aborted under way, it uncordons what it cordoned', async () => {
    const before = uids();
    const { metadata } = await createRestart(world, {
      ...{ paused: true, drain: { timeoutSeconds: 60, noticeSeconds: 0 } },
      // One whose sessions have begun to move to a replacement is not called off any more.
      strategy: { maxSurge: 0, maxUnavailable: 1 },
    });
    await restartIn(world, metadata.name, ['Paused']);
    expect(uids()).toEqual(before);
    const letGo = await holdNode(nodes[0] ?? '', 45_000);
    await patchRestart(world, metadata.name, { paused: false });
    await waitFor(
      'the first pod to be draining',
      () => world.watch.restart(metadata.name)?.status?.active?.some(({ step }) => step === 'Draining') ?? false,
      30_000,
    );
    await patchRestart(world, metadata.name, { abort: true });
    const over = await restartOver(world, metadata.name);
    expect(over.status?.phase).toBe('Aborted');
    expect(uids()).toEqual(before);
    expect(await Promise.all(nodes.map(isServing))).toEqual(nodes.map(() => true));
    await letGo();
  });

  test('an annotation with a time in the future waits for it; a newer one takes its place', async () => {
    const before = uids();
    const later = timestamp(new Date(clock.date().getTime() + 3600_000));
    await world.kubectl('annotate', 'daemonset/panelet-agent', '--overwrite', `panelet.dev/restart=${later}`);
    const scheduled = (): string | undefined =>
      world.watch.restarts().find(({ spec }) => spec.notBefore === later)?.metadata.name;
    await waitFor('the scheduled restart', () => scheduled() !== undefined, 20_000);
    const name = scheduled() ?? '';
    expect((await restartIn(world, name, ['Scheduled'])).status?.phase).toBe('Scheduled');
    const next = await annotateRestart(world);
    expect((await restartOver(world, name)).status?.phase).toBe('Superseded');
    expect((await restartOver(world, next.metadata.name)).status?.phase).toBe('Succeeded');
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
  });

  test('deleting a restart under way gives back what it holds', async () => {
    const before = uids();
    const letGo = await holdNode(nodes[0] ?? '', 45_000);
    const { metadata } = await createRestart(world, { drain: { timeoutSeconds: 60, noticeSeconds: 0 } });
    await waitFor(
      'a pod to be draining',
      () => (world.watch.restart(metadata.name)?.status?.active?.length ?? 0) > 0,
      30_000,
    );
    await world.kubectl('delete', 'prs', metadata.name, '--timeout=60s');
    expect(await Promise.all(nodes.map(isServing))).toEqual(nodes.map(() => true));
    // A replacement that was made beside it goes.
    await world.settled();
    expect(uids()).toEqual(before);
    await letGo();
  });

  test('a disruption budget holds it before any cordon, and then it kills by eviction', async () => {
    const since = clock.date();
    const selector = 'app.kubernetes.io/component=agent';
    await world.kubectl('create', 'poddisruptionbudget', 'e2e', `--selector=${selector}`, '--min-available=2');
    await waitFor(
      'the budget to be counted',
      async () => (await world.kubectl('get', 'pdb', 'e2e', '-o', 'jsonpath={.status.expectedPods}')) === '2',
      30_000,
    );
    const { metadata } = await createRestart(world, {});
    await waitFor(
      'the restart to say what it waits for',
      () => conditionOf(world.watch.restart(metadata.name), 'Reconciling').reason === 'DisruptionBudget',
      30_000,
    );
    expect(await Promise.all(nodes.map(isServing))).toEqual(nodes.map(() => true));
    await world.kubectl('patch', 'pdb', 'e2e', '--type=merge', '-p', '{"spec":{"minAvailable":1}}');
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Succeeded');
    if (world.env.ownCluster === undefined) return;
    const writes = readAuditEvents(world.env.ownCluster, since).filter(
      ({ objectRef, user }) => objectRef?.resource === 'pods' && user.username.endsWith(':panelet-controller'),
    );
    const evictions = writes.filter(({ objectRef }) => objectRef?.subresource === 'eviction');
    expect(evictions.filter(({ responseStatus }) => responseStatus?.code === 201)).toHaveLength(nodes.length);
    expect(writes.filter(({ verb }) => verb === 'delete')).toEqual([]);
  });

  test('under RollingUpdate it refuses to start and says why', async () => {
    const strategy = (type: string): Promise<string> =>
      world.kubectl(
        'patch',
        'ds/panelet-agent',
        '--type=json',
        '-p',
        JSON.stringify([{ op: 'replace', path: '/spec/updateStrategy', value: { type } }]),
      );
    await strategy('RollingUpdate');
    const { metadata } = await createRestart(world, {});
    const stalled = await restartIn(world, metadata.name, ['Stalled']);
    await strategy('OnDelete');
    expect(conditionOf(stalled, 'Stalled')).toMatchObject({ status: 'True', reason: 'UnsafeUpdateStrategy' });
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Succeeded');
  });

  test('a finished restart goes by itself after its time to live', async () => {
    const { metadata } = await createRestart(world, { dryRun: true, ttlSecondsAfterFinished: 1 });
    await waitFor('the restart to be removed', () => world.watch.restart(metadata.name) === undefined, 30_000);
    expect(world.watch.restart(metadata.name)).toBeUndefined();
  });

  test('too many forced sessions stop it: the first pod is forced, the second is left alone', async () => {
    const held = await Promise.all(nodes.map((node) => holdNode(node, 120_000)));
    try {
      const { metadata } = await createRestart(world, {
        drain: { timeoutSeconds: 6, noticeSeconds: 0, onTimeout: 'Force' },
        failurePolicy: { maxForcedSessions: 0 },
      });
      const over = await restartOver(world, metadata.name);
      expect(over.status?.phase).toBe('Failed');
      expect(conditionOf(over, 'Stalled').reason).toBe('TooManyForcedSessions');
      expect(over.status?.sessions?.forced).toBe(1);
      expect(over.status?.pods).toMatchObject({ succeeded: 1 });
    } finally {
      await Promise.all(held.map((letGo) => letGo()));
    }
  });

  test('a host that may not retire aborts at its deadline and keeps the shell; when the shell ends it restarts', async () => {
    const node = nodes[0] ?? '';
    const shell = await openShell(await world.client(node));
    const hostBefore = podUid(world, 'host', node);
    const selector = { nodeSelector: { 'kubernetes.io/hostname': node } };
    const drain = { timeoutSeconds: 6, noticeSeconds: 1, retireTimeoutSeconds: 0 };
    const first = await createRestart(world, { ...selector, drain }, 'panelet-host');
    const failed = await restartOver(world, first.metadata.name);
    expect(failed.status?.phase).toBe('Failed');
    expect(podUid(world, 'host', node)).toBe(hostBefore);
    const verdict = await shell.finish(30_000);
    expect(verdict.failures).toEqual([]);
    expect(verdict.after).toEqual(verdict.before);
    const second = await createRestart(world, { ...selector, drain }, 'panelet-host');
    expect((await restartOver(world, second.metadata.name)).status?.phase).toBe('Succeeded');
    expect(podUid(world, 'host', node)).not.toBe(hostBefore);
    const again = await openShell(await world.client(node));
    expect((await again.finish(20_000)).failures).toEqual([]);
  });

  test('every step is an event, and describe tells the story', async () => {
    const load: EchoLoad = startEchoLoad({
      session: await (await world.client(nodes[0] ?? '')).open({ panel: 'echo' }),
      ...{ seed: 7, clock, longestPauseMs: 20 },
    });
    const { metadata } = await createRestart(world, { reason: 'to tell a story' });
    await restartOver(world, metadata.name);
    const text = await world.kubectl('describe', 'prs', metadata.name);
    for (const reason of ['Started', 'Draining', 'Drained', 'Killed', 'Replaced', 'Succeeded']) {
      expect(text).toMatch(new RegExp(`Normal\\s+${reason}\\s`));
    }
    expect(text).toContain('to tell a story');
    expect(isFlawless(await load.finish(30_000))).toBe(true);
  });
});
