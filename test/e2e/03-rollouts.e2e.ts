import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createSystemClock } from '#common/time/clock.js';
import type { PanelRestart } from '#controller/restart/api/panel-restart.js';
import { isFlawless, startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { waitFor } from '#test/support/wait-for.js';
import { isReady } from './support/cluster-watch.js';
import { abandonRestarts, conditionOf, restartIn } from './support/restarts.js';
import { openShell, type ShellSession } from './support/shell-session.js';
import { openWorld, podUid, restartOver, type World } from './support/world.js';

const clock = createSystemClock({ keepsAlive: true });
let world: World;
let nodes: readonly string[];

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  nodes = world.nodeNames();
});
afterEach(async () => {
  await abandonRestarts(world);
  await world.settled();
});
afterAll(() => world.close());

const uids = (): string[] => nodes.map((node) => podUid(world, 'agent', node));

/** `helm upgrade` with the values of the installation and some more. */
function upgrade(...more: readonly string[]): Promise<string> {
  const { root, release, values } = world.env;
  return world.helm('upgrade', release, join(root, 'charts/panelet'), '--values', values, ...more);
}

async function startLoads(): Promise<EchoLoad[]> {
  return Promise.all(
    nodes.map(async (node, index) => {
      const session = await (await world.client(node)).open({ panel: 'echo' });
      return startEchoLoad({ session, seed: 31 + index, clock, longestPauseMs: 20 });
    }),
  );
}

async function startShells(): Promise<ShellSession[]> {
  return Promise.all(nodes.map(async (node) => openShell(await world.client(node))));
}

async function expectNothingLost(loads: readonly EchoLoad[], shells: readonly ShellSession[]): Promise<void> {
  const verdicts = await Promise.all(loads.map((load) => load.finish(60_000)));
  expect(verdicts.flatMap(({ errors }) => errors)).toEqual([]);
  expect(verdicts.filter((verdict) => !isFlawless(verdict))).toEqual([]);
  for (const told of await Promise.all(shells.map((shell) => shell.finish(30_000)))) {
    expect(told.failures).toEqual([]);
    expect(told.after).toEqual(told.before);
    expect(told.executed).toEqual(told.typed);
  }
}

/** The first restart of the agents that was not there before. */
async function nextRollout(known: ReadonlySet<string>, target = 'panelet-agent'): Promise<PanelRestart> {
  const find = (): PanelRestart | undefined =>
    world.watch.restarts().find(({ metadata, spec }) => spec.targetRef.name === target && !known.has(metadata.name));
  await waitFor(`a rollout of ${target}`, () => find() !== undefined, 30_000);
  const found = find();
  if (found === undefined) throw new Error('It is gone.');
  return found;
}

const knownRestarts = (): ReadonlySet<string> => new Set(world.watch.restarts().map(({ metadata }) => metadata.name));

describe('rollouts', () => {
  test('helm upgrade with another template rolls it out by drains, and nothing is lost', async () => {
    const before = uids();
    const known = knownRestarts();
    const [loads, shells] = [await startLoads(), await startShells()];
    await upgrade('--set', `agent.podAnnotations.e2e=${randomUUID()}`);
    const { metadata } = await nextRollout(known);
    const over = await restartOver(world, metadata.name);
    expect(over.status?.phase).toBe('Succeeded');
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
    await expectNothingLost(loads, shells);
    await world.settled();
  });

  test('an upgrade that leaves the template alone restarts nothing', async () => {
    const before = uids();
    const known = knownRestarts();
    // With the values of the release as it is.
    await upgrade('--reuse-values');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(uids()).toEqual(before);
    expect(knownRestarts()).toEqual(known);
  });

  test('kubectl rollout restart is carried out by drains too', async () => {
    const before = uids();
    const known = knownRestarts();
    const [loads, shells] = [await startLoads(), await startShells()];
    await world.kubectl('rollout', 'restart', 'ds/panelet-agent');
    const { metadata } = await nextRollout(known);
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Succeeded');
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
    await expectNothingLost(loads, shells);
    await world.settled();
  });

  test('an image that cannot be pulled drains nothing, says why, and helm rollback takes it away', async () => {
    const before = uids();
    const known = knownRestarts();
    const [loads, shells] = [await startLoads(), await startShells()];
    await upgrade('--set', 'image.tag=does-not-exist');
    const { metadata } = await nextRollout(known);
    try {
      const stalled = await restartIn(world, metadata.name, ['Stalled'], 120_000);
      expect(conditionOf(stalled, 'Stalled').status).toBe('True');
      expect(conditionOf(stalled, 'Stalled').message).toMatch(/ErrImagePull|ImagePullBackOff|ErrImageNeverPull/);
      const left = world.watch.pods().map(({ metadata: { uid = '' } }) => uid);
      expect(before.filter((uid) => !left.includes(uid))).toEqual([]);
    } finally {
      await world.helm('rollback', world.env.release);
    }
    await waitFor(
      'every agent to be ready again',
      () => [...world.watch.podsOf('agent').values()].filter(isReady).length === nodes.length,
      180_000,
    );
    await expectNothingLost(loads, shells);
    await world.settled();
    expect(uids()).toEqual(before);
  });
});
