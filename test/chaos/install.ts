import { join } from 'node:path';
import { sleep, type Clock } from '#common/time/clock.js';
import type { World } from '#test/e2e/support/world.js';
import type { Disks } from './disks.js';

const rolloutLimitMs = 300_000;
const lookEveryMs = 1_000;

/** Gives every node its small disk: nodes that do not see it are started again, as after a disk was put in. */
async function showDisks(world: World, disks: Disks): Promise<void> {
  for (const node of world.nodeNames()) {
    const sees = await world.cluster('exec', node, 'test', '-f', disks.mark(node)).then(
      () => true,
      () => false,
    );
    if (sees) continue;
    await world.cluster('stop-node', node);
    await world.cluster('start-node', node);
    await world.cluster('exec', node, 'test', '-f', disks.mark(node));
  }
}

/** Sessions that were left behind would be missed on the other disk. */
async function endSessions(world: World): Promise<void> {
  for (const node of world.nodeNames()) {
    const client = await world.client(node);
    for (const { sessionId } of await client.listSessions()) await client.endSession(sessionId);
  }
}

/** Moves the state of all nodes onto the disks, by an ordinary upgrade of the release. */
export async function moveStateTo(world: World, disks: Disks, clock: Clock): Promise<void> {
  await world.settled(rolloutLimitMs);
  await endSessions(world);
  await showDisks(world, disks);
  const { release, root, values } = world.env;
  const set = `hostPaths.state=${disks.stateRoot}`;
  await world.helm('upgrade', release, join(root, 'charts/panelet'), '--values', values, '--set', set);
  const path = 'jsonpath={range .items[*]}{.spec.volumes[?(@.name=="state")].hostPath.path}{"\\n"}{end}';
  const isMoved = async (): Promise<boolean> => {
    const out = await world.kubectl('get', 'pods', '-l', 'panelet.dev/component in (agent,host)', '-o', path);
    return out.split('\n').every((line) => line === '' || line.startsWith(disks.stateRoot));
  };
  const deadlineMs = clock.nowMs() + rolloutLimitMs;
  while (!(await isMoved())) {
    if (clock.nowMs() > deadlineMs) throw new Error('The release was not rolled out onto the small disks.');
    await sleep(clock, lookEveryMs);
  }
  await world.settled(rolloutLimitMs);
}
