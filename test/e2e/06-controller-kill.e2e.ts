import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { controllerName } from '#test/support/controller-writes.js';
import { isFlawless, startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { textTable } from '#test/support/text-table.js';
import { waitFor } from '#test/support/wait-for.js';
import { podDeletes, recordedReceipts } from './support/audit-log.js';
import { readAuditEvents } from './support/audit-tail.js';
import { leadership, readyControllers } from './support/leader.js';
import { readEnvironment } from './support/environment.js';
import { startLeaderKiller, type LeaderKiller } from './support/leader-killer.js';
import { annotateRestart, openWorld, podUid, restartOver, type World } from './support/world.js';

const clock = createSystemClock({ keepsAlive: true });
const { ownCluster: own } = readEnvironment();
// Only where processes of nodes may be killed and the audit log can be read.
const describeOwn = own === undefined ? describe.skip : describe;

const mostRounds = 8;
const roundLimitMs = 900_000;
// The deadline of a drain is far enough away that a dozen changes of leader fit in.
const patient = { 'panelet.dev/drain-timeout': '20m', 'panelet.dev/notice': '1s' };

describeOwn('a controller that is killed', () => {
  let world: World;
  let nodes: readonly string[];

  beforeAll(async () => {
    world = await openWorld();
    await world.settled();
    nodes = world.nodeNames();
  });
  afterAll(() => world.close());

  const twoReady = (): Promise<void> =>
    waitFor(
      'two controllers to be ready and one of them to lead',
      async () => readyControllers(world).length >= 2 && (await leadership(world)).pod !== undefined,
      120_000,
    );

  /** Restarts with kills until a restart goes through in which none was needed any more; gives the uids that had to go. */
  const restartUntilCovered = async (killer: LeaderKiller): Promise<string[]> => {
    const uids: string[] = [];
    for (let round = 1; round <= mostRounds; round++) {
      await twoReady();
      const before = killer.kills.length + killer.spared;
      uids.push(...nodes.map((node) => podUid(world, 'agent', node)));
      const { metadata } = await annotateRestart(world, { annotations: patient });
      const restart = await restartOver(world, metadata.name, roundLimitMs);
      expect(restart.status?.phase).toBe('Succeeded');
      expect(restart.status?.sessions).toMatchObject({ forced: 0, lost: 0 });
      await world.settled();
      const kills = killer.kills.length + killer.spared - before;
      process.stdout.write(`  restart ${round}: ${kills} controllers killed after a write\n`);
      if (kills === 0) return uids;
    }
    throw new Error(`Kinds of writes were still new after ${mostRounds} restarts.`);
  };

  test('by SIGKILL after each of its writes deletes every pod once, after its receipt, and no session loses a byte', async () => {
    if (own === undefined) return;
    await twoReady();
    const { leaseSeconds } = await leadership(world);
    const since = clock.date();
    const loads: EchoLoad[] = [];
    for (const [index, node] of nodes.entries()) {
      const session = await (await world.client(node)).open({ panel: 'echo' });
      loads.push(startEchoLoad({ session, seed: index + 60, clock, longestPauseMs: 40, largestWriteBytes: 8 * 1024 }));
    }
    // Each kill costs a lease: with a long one, each kind is the last write once and not twice.
    const killer = startLeaderKiller({ world, own, timesPerKind: leaseSeconds <= 6 ? 2 : 1 });
    const uids = await restartUntilCovered(killer).finally(() => killer.stop());
    const verdicts = await Promise.all(loads.map((load) => load.finish(60_000)));

    const coverage = killer.coverage();
    const rows = [...coverage].map(([kind, count]) => [kind, String(killer.seen.get(kind) ?? 0), String(count)]);
    const table = textTable(['write of the controller', 'seen', 'last before a kill'], rows);
    process.stdout.write(`${table.map((line) => `  ${line}`).join('\n')}\n`);
    const outrun = killer.outrun();
    for (const kind of outrun) process.stdout.write(`  another write always came through after: ${kind}\n`);
    const uncovered = [...coverage]
      .filter(([kind, count]) => count === 0 && !outrun.includes(kind))
      .map(([kind]) => kind);
    expect(uncovered).toEqual([]);
    expect([...coverage.keys()]).toEqual(
      expect.arrayContaining(['create panelrestarts', 'patch daemonsets', 'patch pods', 'delete pods']),
    );

    const events = readAuditEvents(own, since);
    const controller = `system:serviceaccount:${world.env.namespace}:${controllerName}`;
    // A kubelet takes the object away when the pod has ended.
    const deletes = podDeletes(events).filter(
      ({ pod, user }) => pod.startsWith('panelet-agent-') && !user.startsWith('system:node:'),
    );
    const receipts = recordedReceipts(events);
    expect(deletes.map(({ user }) => user)).toEqual(deletes.map(() => controller));
    expect(deletes.map(({ uid }) => uid).sort()).toEqual([...uids].sort());
    for (const { uid = '', atMs } of deletes) {
      expect(receipts.get(uid)?.withoutReceipt).toBeUndefined();
      expect(receipts.get(uid)?.atMs).toBeLessThanOrEqual(atMs);
    }

    expect(verdicts.map(({ errors }) => errors)).toEqual(verdicts.map(() => []));
    expect(verdicts.filter((verdict) => !isFlawless(verdict))).toEqual([]);
  }, 2_700_000);

  test('leaves nothing claimed, held or cordoned', async () => {
    await world.settled();
    expect(world.watch.restarts().flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([]);
    for (const node of nodes) {
      const { panels } = await (await world.client(node)).listPanels();
      expect(panels.map(({ serving }) => serving)).toEqual(panels.map(() => true));
    }
  });
});
