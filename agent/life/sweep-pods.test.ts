import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { lockDirectory } from '#common/files/directory-lock.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createFakeClock } from '#common/time/clock.js';
import { waitFor } from '#test/support/wait-for.js';
import { podDirectory, podLock } from '../workers/pod-directory.js';
import { startPodSweep, sweepPods } from './sweep-pods.js';

const log = createSilentLog();
let runDir: string;
let closers: (() => unknown)[];

beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'pods-'));
  closers = [];
});
afterEach(async () => {
  for (const close of closers) await close();
  rmSync(runDir, { recursive: true });
});

/** A clock that is so many minutes ahead of the files' times. */
const ahead = (minutes: number) => {
  const clock = createFakeClock();
  return { ...clock, date: () => new Date(Date.now() + minutes * 60_000 + clock.nowMs()) };
};
const made = (uid: string): string => {
  const directory = podDirectory(runDir, uid) ?? '';
  mkdirSync(directory, { recursive: true });
  return directory;
};
const listen = (path: string): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer().listen(path, () => resolve(server));
  });

test('what a pod has left is removed once nothing has changed in it for ten minutes', async () => {
  const left = made('11111111-aaaa');
  writeFileSync(join(left, 'echo.json'), '{}');
  await sweepPods({ runDir, clock: ahead(9), log });
  expect(existsSync(left)).toBe(true);
  await sweepPods({ runDir, clock: ahead(11), log });
  expect(existsSync(left)).toBe(false);
});

test('what is in use stays: a worker without its agent, an agent without its workers', async () => {
  const [worker, agent] = [made('22222222'), made('33333333')];
  const server = await listen(join(worker, 'echo.sock'));
  closers.push(() => server.close());
  const lock = await lockDirectory(podLock(agent), { random: createSystemRandom() });
  closers.push(() => lock.release());
  await sweepPods({ runDir, clock: ahead(60), log });
  expect([existsSync(worker), existsSync(agent)]).toEqual([true, true]);
});

test('only the newest agent looks', async () => {
  const clock = ahead(11);
  const agents = { hasNewer: true };
  const left = made('44444444');
  const ending = new AbortController();
  closers.push(() => ending.abort());
  startPodSweep({ runDir, agents, clock, log }, ending.signal);
  clock.advance(60_000);
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(existsSync(left)).toBe(true);
  agents.hasNewer = false;
  await waitFor('what is left is removed', () => {
    clock.advance(60_000);
    return !existsSync(left);
  });
});
