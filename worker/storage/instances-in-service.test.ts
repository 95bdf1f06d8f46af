import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createNodeFileSystem } from '#common/files/file-system.js';
import { isNewest } from '#common/files/instances.js';
import { createSilentLog } from '#common/log.js';
import { createMemoryInstances } from '#test/support/memory-instances.js';
import { InstancesInService } from './instances-in-service.js';
import { RetiredPods } from './retired-pods.js';

let directory: string;
let pods: RetiredPods;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'is-'));
  pods = new RetiredPods(directory, { fileSystem: createNodeFileSystem(), log: createSilentLog() });
});
afterEach(() => rmSync(directory, { recursive: true }));

const workers = (count: number): readonly InstancesInService[] => {
  const node = createMemoryInstances();
  return Array.from({ length: count }, () => new InstancesInService(node.join(), pods, createSilentLog()));
};
const newestOf = async (all: readonly InstancesInService[]): Promise<readonly boolean[]> => {
  for (const one of all) await one.look();
  expect(all.map(({ hasNewer }) => !hasNewer)).toEqual(await Promise.all(all.map(isNewest)));
  return Promise.all(all.map(isNewest));
};

test('the one that came last is the newest, unless its pod retires', async () => {
  const all = workers(3);
  expect(await newestOf(all)).toEqual([false, false, true]);
  await pods.write('pod-c', { instance: 3 });
  expect(await newestOf(all)).toEqual([false, true, false]);
  expect(await all[2]?.newest()).toBe(2);
  await pods.write('pod-b', { instance: 2, retireAtMs: 7 });
  expect(await newestOf(all)).toEqual([true, false, false]);
});

test('what a pod is remembered by follows its worker when that starts again', async () => {
  await pods.write('pod-a', { instance: 1, retireAtMs: 7 });
  await pods.write('pod-a', { instance: 2, retireAtMs: 7 });
  expect(await pods.read('pod-a')).toEqual({ instance: 2, retireAtMs: 7 });
  expect(await pods.read('pod-b')).toBeUndefined();
  expect(await newestOf(workers(2))).toEqual([true, false]);
});

test.each([
  ['cut off', (file: string) => writeFileSync(file, '{"instance":')],
  ['of another kind', (file: string) => writeFileSync(file, '{"instance":"one"}')],
  ['no file', (file: string) => mkdirSync(file)],
])(
  'a pod retires whose memory of it is %s, without a time, and it keeps no other worker from serving',
  async (_, spoil) => {
    await pods.write('pod-b', { instance: 2 });
    spoil(join(directory, 'instances', 'retired-pod-a.json'));
    expect(await pods.read('pod-a')).toEqual({});
    expect(await newestOf(workers(2))).toEqual([true, false]);
  },
);
