import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { isOfCluster, podProcesses } from './support/proc.js';
import { createRestart } from './support/restarts.js';
import { openWorld, type World } from './support/world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
});
afterAll(() => world.close());

describe('helm uninstall', () => {
  test('in the middle of a restart it leaves no finalizer, no pod, no process behind', async () => {
    const node = world.nodeNames()[0] ?? '';
    const session = await (await world.client(node)).open({ panel: 'echo' });
    await session.send('hold', Buffer.from(JSON.stringify({ ms: 60_000 })));
    await session.flushed();
    const { metadata } = await createRestart(world, { drain: { timeoutSeconds: 120, noticeSeconds: 0 } });
    await waitFor(
      'a pod to be draining',
      () => (world.watch.restart(metadata.name)?.status?.active?.length ?? 0) > 0,
      30_000,
    );
    await world.helm('uninstall', world.env.release, '--wait', '--timeout', '240s');
    expect((await world.kubectl('get', 'prs', '-o', 'name')).trim()).toBe('');
    await waitFor('every pod to be gone', () => world.watch.pods().length === 0, 120_000);
    const { ownCluster: own } = world.env;
    if (own !== undefined) {
      // Of this cluster: others may run beside it.
      const left = podProcesses(/panelet-(agent|worker|controller)/).filter((process) => isOfCluster(process, own));
      expect(left).toEqual([]);
    }
    await session.detach();
  });
});
