import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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

describe('of containers', () => {
  const uid = '55555555-bbbb-4ccc-8ddd-eeeeeeeeeeee';
  const panelOf = (kind: string): string => {
    const directory = join(runDir, kind, 'echo', uid);
    mkdirSync(directory, { recursive: true });
    return directory;
  };
  const week = 7 * 24 * 60;
  /** What a socket is that its process left when it was killed: nobody answers, and the file is there. */
  const leave = async (path: string): Promise<void> => {
    const server = await listen(`${path}.living`);
    linkSync(`${path}.living`, path);
    await new Promise((closed) => server.close(closed));
  };

  test.each(['workers', 'host'])(
    'a socket below %s is removed after ten minutes, and its directory after a week',
    async (kind) => {
      const directory = panelOf(kind);
      const socket = join(directory, 'worker.sock');
      await leave(socket);
      await sweepPods({ runDir, clock: ahead(9), log });
      expect(existsSync(socket)).toBe(true);
      await sweepPods({ runDir, clock: ahead(11), log });
      expect([existsSync(socket), existsSync(directory)]).toEqual([false, true]);
      await sweepPods({ runDir, clock: ahead(week - 1), log });
      expect(existsSync(directory)).toBe(true);
      await sweepPods({ runDir, clock: ahead(week + 1), log });
      expect(existsSync(directory)).toBe(false);
      expect(existsSync(join(runDir, kind, 'echo'))).toBe(true);
    },
  );

  test('what is in use stays: a socket that answers, and the directory of a pod whose agent lives', async () => {
    const used = join(panelOf('host'), 'worker.sock');
    const server = await listen(used);
    closers.push(() => server.close());
    const lock = await lockDirectory(podLock(made(uid)), { random: createSystemRandom() });
    closers.push(() => lock.release());
    const ofAgent = panelOf('workers');
    await sweepPods({ runDir, clock: ahead(week + 1), log });
    expect([existsSync(used), existsSync(ofAgent)]).toEqual([true, true]);
  });

  test('the places of panels themselves, and the sockets in them, are no pods’', async () => {
    panelOf('workers');
    writeFileSync(join(runDir, 'workers', 'logs.sock'), '');
    writeFileSync(join(runDir, 'workers', 'echo', 'worker.sock'), '');
    await sweepPods({ runDir, clock: ahead(week + 1), log });
    expect(readdirSync(join(runDir, 'workers')).sort()).toEqual(['echo', 'logs.sock']);
    expect(readdirSync(join(runDir, 'workers', 'echo'))).toEqual(['worker.sock']);
  });
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
