import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { detachedBy } from '#controller/restart/api/annotations.js';
import type { PanelRestart } from '#controller/restart/api/panel-restart.js';
import type { Pod } from '#kube/objects.js';
import { isFlawless, startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { summarizeDurations } from '#common/time/percentiles.js';
import { waitFor } from '#test/support/wait-for.js';
import { isReady } from './support/cluster-watch.js';
import { abandonRestarts, createRestart, patchRestart } from './support/restarts.js';
import { openShell } from './support/shell-session.js';
import { openWorld, podUid, restartOver, type World } from './support/world.js';

const clock = createSystemClock({ keepsAlive: true });
let world: World;
let nodes: readonly string[];
let first: string;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  nodes = world.nodeNames();
  [first = ''] = nodes;
});
afterEach(async () => {
  await world.kubectl('delete', 'resourcequota', 'e2e', '--ignore-not-found');
  await abandonRestarts(world);
  await world.settled();
});
afterAll(() => world.close());

const uids = (): string[] => nodes.map((node) => podUid(world, 'agent', node));
const agentsOn = (node: string): readonly Pod[] => world.watch.podsOn('agent', node);
const isDetached = (pod: Pod): boolean => detachedBy(pod) !== undefined;
const startLoads = (seed: number): Promise<EchoLoad[]> =>
  Promise.all(
    nodes.map(async (node, index) => {
      const session = await (await world.client(node)).open({ panel: 'echo' });
      return startEchoLoad({ session, seed: seed + index, clock, longestPauseMs: 20 });
    }),
  );
const finished = async (loads: readonly EchoLoad[]): Promise<readonly number[]> => {
  const verdicts = await Promise.all(loads.map((load) => load.finish(60_000)));
  expect(verdicts.flatMap(({ errors }) => errors)).toEqual([]);
  expect(verdicts.filter((verdict) => !isFlawless(verdict))).toEqual([]);
  return verdicts.flatMap(({ gapsMs }) => [...gapsMs]);
};
const isWarm = (restart: PanelRestart | undefined): boolean =>
  restart?.status?.active?.some(({ step }) => step === 'Warm') ?? false;

describe('a pod whose replacement serves beside it', () => {
  test('goes only then, its sessions move, and no node is without an agent that serves', async () => {
    const before = uids();
    const loads = await startLoads(71);
    const shell = await openShell(await world.client(first));
    await Promise.all(loads.map((load) => waitFor('bytes to flow', () => load.receivedBytes() > 100_000, 30_000)));
    const alone = new Set<string>();
    let together = 0;
    const { metadata } = await createRestart(world, { drain: { timeoutSeconds: 60, noticeSeconds: 5 } });
    await waitFor(
      'the restart to be over',
      () => {
        for (const node of nodes) {
          const agents = agentsOn(node);
          const serving = agents.filter((pod) => isReady(pod));
          together = Math.max(together, serving.length);
          const going = agents.some((pod) => pod.metadata.deletionTimestamp !== undefined);
          if (going && serving.length === 0) alone.add(node);
        }
        return world.watch.restart(metadata.name)?.status?.completionTime !== undefined;
      },
      180_000,
    );
    const restart = await restartOver(world, metadata.name);
    expect(restart.status?.phase).toBe('Succeeded');
    expect(restart.status?.sessions).toMatchObject({ forced: 0, lost: 0 });
    expect(restart.status?.sessions?.moved ?? 0).toBeGreaterThan(0);
    expect([together, [...alone]]).toEqual([2, []]);
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
    const gapsMs = [...(await finished(loads)), ...(await shell.finish(30_000)).gapsMs];
    const { count, max } = summarizeDurations(gapsMs);
    const { moved = 0, checkpointed = 0 } = restart.status?.sessions ?? {};
    process.stdout.write(
      `  ${moved} sessions moved, ${checkpointed} were written down; ${count} times a client was without its session, for ${Math.round(max)} ms at most\n`,
    );
    await world.settled();
    expect(world.watch.pods().filter(isDetached)).toEqual([]);
  });

  test('with two hundred sessions loses nothing of any of them', async () => {
    const open = async (node: string, seed: number): Promise<EchoLoad[]> => {
      const client = await world.client(node);
      const sessions = await Promise.all(Array.from({ length: 100 }, () => client.open({ panel: 'echo' })));
      const few = { largestWriteBytes: 2 * 1024, longestPauseMs: 500 };
      return sessions.map((session, index) => startEchoLoad({ session, seed: seed + index, clock, ...few }));
    };
    const loads = (await Promise.all(nodes.map((node, index) => open(node, 1000 * (index + 1))))).flat();
    const { metadata } = await createRestart(world, { drain: { timeoutSeconds: 60, noticeSeconds: 5 } });
    const { phase, sessions } = (await restartOver(world, metadata.name)).status ?? {};
    expect(phase).toBe('Succeeded');
    expect(sessions).toMatchObject({ forced: 0, lost: 0 });
    const { count, p50, max } = summarizeDurations(await finished(loads));
    const { moved = 0, checkpointed = 0 } = sessions ?? {};
    expect(moved + checkpointed).toBeGreaterThanOrEqual(loads.length);
    process.stdout.write(
      `  ${loads.length} sessions: ${moved} moved, ${checkpointed} were written down; ${count} times a client was without its session, for ${Math.round(p50)} ms (p50), ${Math.round(max)} ms at most\n`,
    );
  });

  test('is given back when the restart is aborted while it is warm, and nothing was drained', async () => {
    const before = uids();
    const loads = await startLoads(73);
    const { metadata } = await createRestart(world, { strategy: { maxSurge: 1, minReadySeconds: 60 } });
    await waitFor(
      'two agents on a node to be ready',
      () =>
        isWarm(world.watch.restart(metadata.name)) && nodes.some((node) => agentsOn(node).filter(isReady).length === 2),
      90_000,
    );
    await patchRestart(world, metadata.name, { abort: true });
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Aborted');
    await world.settled();
    expect(uids()).toEqual(before);
    expect(world.watch.pods().filter(isDetached)).toEqual([]);
    await finished(loads);
  });

  test.each([
    ['nothing may be away, is given back and says so', { maxSurge: 1, maxUnavailable: 0 }, 'Failed'],
    ['one may be away, goes first, as it always did', { maxSurge: 1, maxUnavailable: 1 }, 'Succeeded'],
  ])('has no room beside it: where %s', async (_, strategy, phase) => {
    const before = uids();
    const loads = await startLoads(75);
    const pods = world.watch.pods().length;
    await world.kubectl('create', 'quota', 'e2e', `--hard=pods=${pods}`);
    const { metadata } = await createRestart(world, {
      ...{ strategy: { ...strategy, warmTimeoutSeconds: 5 }, nodeSelector: { 'kubernetes.io/hostname': first } },
      drain: { timeoutSeconds: 60, noticeSeconds: 0 },
    });
    const over = await restartOver(world, metadata.name);
    expect([over.status?.phase, over.status?.sessions?.forced ?? 0]).toEqual([phase, 0]);
    if (phase === 'Failed') expect(JSON.stringify(over.status)).toContain('NoRoom');
    await world.kubectl('delete', 'resourcequota', 'e2e');
    await world.settled();
    expect(uids().filter((uid) => before.includes(uid))).toHaveLength(
      phase === 'Failed' ? nodes.length : nodes.length - 1,
    );
    await finished(loads);
  });
});
