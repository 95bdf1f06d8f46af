import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { isPaneletError } from '../errors/errors.js';
import { createSystemRandom } from '../random.js';
import { createSystemClock } from '../time/clock.js';
import { takeInstanceLock, type InstanceLock } from './instance-lock.js';

const random = createSystemRandom();
const clock = createSystemClock();
let directory: string;
let held: InstanceLock[];
let deaths: string[];
let processes: ChildProcess[];

const take = async (): Promise<InstanceLock> => {
  const lock: InstanceLock = await takeInstanceLock(directory, {
    ...{ random, clock },
    onDeath: (number) => deaths.push(`${lock.number} of ${number}`),
  });
  held.push(lock);
  return lock;
};
const locks = (): readonly string[] => readdirSync(directory).sort();

/** A process that listens at `lock-<n>`, as an instance does. */
const startOther = async (number: number): Promise<ChildProcess> => {
  const script = `require('node:net').createServer(() => undefined).listen(process.argv[1], () => console.log('ready'))`;
  const other = spawn(process.execPath, ['-e', script, join(directory, `lock-${number}`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(other);
  await once(other.stdout, 'data');
  return other;
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-instances-'));
  held = [];
  deaths = [];
  processes = [];
});

afterEach(async () => {
  for (const other of processes) other.kill('SIGKILL');
  await Promise.all(held.map((lock) => lock.release()));
  rmSync(directory, { recursive: true });
});

describe('instance locks', () => {
  test('are many at a time, each with a number of its own that is above all before', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => take()));
    const numbers = all.map(({ number }) => number);
    expect(new Set(numbers).size).toBe(6);
    const last = await take();
    expect(last.number).toBeGreaterThan(Math.max(...numbers));
    await waitFor('all others know that one came later', () => all.every(({ hasNewer }) => hasNewer));
    expect(last.hasNewer).toBe(false);
    expect(await last.others()).toEqual(numbers.toSorted((a, b) => a - b));
    expect(locks().filter((name) => name.startsWith('claim-'))).toEqual([]);
  });

  test('remove those of the dead below, and no living one', async () => {
    const [first, second] = [await take(), await take()];
    await second.release();
    const third = await take();
    expect(locks()).toEqual([`lock-${first.number}`, `lock-${third.number}`]);
    expect(await third.isAlive(first.number)).toBe(true);
    expect(await third.isAlive(second.number)).toBe(false);
    await Promise.all([first.release(), third.release()]);
    // Numbers of the dead are not given again.
    expect((await take()).number).toBe(third.number + 1);
  });

  test('tell everybody of a death at once, whoever came first, and once', async () => {
    const [first, second, third] = [await take(), await take(), await take()];
    await second.release();
    await waitFor('both know', () => deaths.length === 2);
    expect(deaths.toSorted()).toEqual([`${first.number} of ${second.number}`, `${third.number} of ${second.number}`]);
    expect(await first.others()).toEqual([third.number]);
    // Neither does one hear of its own end.
    await third.release();
    await waitFor('the first one knows', () => deaths.length === 3);
    expect(deaths.at(-1)).toBe(`${first.number} of ${third.number}`);
  });

  test('are alive while their process is stopped, and dead as soon as it is killed', async () => {
    const other = await startOther(4);
    const lock = await take();
    expect(lock.number).toBe(5);
    other.kill('SIGSTOP');
    expect(await lock.isAlive(4)).toBe(true);
    expect(deaths).toEqual([]);
    other.kill('SIGKILL');
    await waitFor('it is noticed', () => deaths.length === 1);
    expect(await lock.isAlive(4)).toBe(false);
  });

  test('judge nobody after their release, and leave no descriptor open', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    const first = await take();
    await (await take()).release();
    const before = count();
    const second = await take();
    await second.release();
    expect(await second.isAlive(first.number)).toBe(true);
    expect(await second.isAlive(second.number)).toBe(false);
    await waitFor('connections are gone', () => count() <= before);
  });

  test('say what to do where they cannot be taken', async () => {
    writeFileSync(join(directory, 'file'), '');
    const error: unknown = await takeInstanceLock(join(directory, 'file'), {
      ...{ random, clock },
      onDeath: () => undefined,
    }).catch((caught: unknown) => caught);
    expect(isPaneletError(error, 'STATE_DIR_UNUSABLE')).toBe(true);
  });
});
