import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { PanelRestart } from '#controller/restart/api/panel-restart.js';
import { isRetiring } from '#controller/restart/api/retirement.js';
import type { Pod } from '#kube/objects.js';
import { waitFor } from '#test/support/wait-for.js';
import { abandonRestarts, conditionOf, createRestart } from './support/restarts.js';
import { openShell, type ShellVerdict } from './support/shell-session.js';
import { openWorld, podUid, restartOver, type World } from './support/world.js';

let world: World;
let node: string;

beforeAll(async () => {
  world = await openWorld();
  await world.settled();
  [node = ''] = world.nodeNames();
});
afterEach(async () => {
  await abandonRestarts(world);
  await world.settled();
});
afterAll(() => world.close());

const retiringHosts = (): Pod[] => world.watch.podsOn('host', node).filter(isRetiring);
const retiring = (): string[] =>
  retiringHosts()
    .flatMap(({ metadata }) => metadata.uid ?? [])
    .sort();
const restartHosts = (): Promise<PanelRestart> =>
  createRestart(
    world,
    { nodeSelector: { 'kubernetes.io/hostname': node }, drain: { timeoutSeconds: 30, noticeSeconds: 0 } },
    'panelet-host',
  );
const isWhole = ({ failures, before, after, typed, executed, output }: ShellVerdict): void => {
  expect(failures).toEqual([]);
  expect(after).toEqual(before);
  expect(executed).toEqual(typed);
  expect(output).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
};
/** One upgrade of the host. @returns uid of the pod that is new */
const upgrade = async (): Promise<string> => {
  const { metadata } = await restartHosts();
  const restart = await restartOver(world, metadata.name);
  expect(restart.status?.phase).toBe('Succeeded');
  expect(restart.status?.sessions).toMatchObject({ forced: 0, lost: 0 });
  return podUid(world, 'host', node);
};

describe('a host with open shells', () => {
  test('stays beside its replacement: the same shells after two upgrades, and the third waits for one of them', async () => {
    const client = await world.client(node);
    const first = podUid(world, 'host', node);
    const oldest = await openShell(client);
    const second = await upgrade();
    expect(retiring()).toEqual([first]);
    const older = await openShell(client);
    const third = await upgrade();
    expect(new Set([first, second, third]).size).toBe(3);
    expect(retiring()).toEqual([first, second].sort());
    const youngest = await openShell(client);

    const { metadata } = await restartHosts();
    const told = (): { reason?: string; message?: string } =>
      conditionOf(world.watch.restart(metadata.name), 'Reconciling');
    await waitFor('the third upgrade to wait', () => told().reason === 'TooManyRetiring', 30_000);
    expect(told().message).toMatch(/panelet-host-\w+ on \S+ \(until \S+ at the latest/);
    expect(podUid(world, 'host', node)).toBe(third);

    isWhole(await oldest.finish(30_000));
    const over = await restartOver(world, metadata.name);
    expect(over.status?.phase).toBe('Succeeded');
    expect(over.status?.sessions).toMatchObject({ forced: 0, lost: 0 });
    expect(retiring()).toEqual([second, third].sort());
    // Whoever had it made is gone: what retires stays all the same.
    await world.kubectl('delete', 'prs', metadata.name, '--cascade=foreground');
    isWhole(await youngest.finish(30_000));
    await waitFor('the last one of an older host', () => !retiring().includes(third), 60_000);
    expect(retiring()).toEqual([second]);
    isWhole(await older.finish(30_000));
    await waitFor('nothing to retire', () => retiring().length === 0, 60_000);
  });

  test('goes with a kubectl drain of its node, which tells its shells, and the next host serves', async () => {
    const shell = await openShell(await world.client(node));
    const leftMs: number[] = [];
    shell.session.on('notice', ({ remainingMs }) => leftMs.push(remainingMs));
    const younger = await upgrade();
    expect(retiring()).toHaveLength(1);
    try {
      const what = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', '--grace-period=20'];
      await world.kubectl('drain', node, ...what, '--timeout=120s');
      await waitFor('the retiring one to be gone', () => retiring().length === 0, 10_000);
      // Of the days that it had left there is no word any more.
      expect(Math.min(...leftMs)).toBeLessThan(3_600_000);
      await waitFor('the shell to end', () => shell.ended !== undefined, 30_000);
      expect(podUid(world, 'host', node)).toBe(younger);
      isWhole(await (await openShell(await world.client(node))).finish(20_000));
    } finally {
      await world.kubectl('uncordon', node);
    }
  });

  test('goes when somebody says so, and its shells are told', async () => {
    const shell = await openShell(await world.client(node));
    const notices: string[] = [];
    shell.session.on('notice', ({ phase }) => notices.push(phase));
    await upgrade();
    const [pod] = retiringHosts();
    const at = new Date(Date.now() + 8_000).toISOString().replace(/\.\d+Z$/, 'Z');
    await world.kubectl('annotate', `pod/${pod?.metadata.name ?? ''}`, '--overwrite', `panelet.dev/retire-at=${at}`);
    await waitFor('the shell to be told', () => notices.includes('notice'), 30_000);
    await waitFor('the shell to end', () => shell.ended !== undefined, 60_000);
    await waitFor('the pod to go', () => retiring().length === 0, 60_000);
    const next = await openShell(await world.client(node));
    isWhole(await next.finish(20_000));
  });
});
