import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { takeInstanceLock } from '#common/files/instance-lock.js';
import { lockDirectory } from '#common/files/directory-lock.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createFakeClock, createSystemClock } from '#common/time/clock.js';
import { waitFor } from '#test/support/wait-for.js';
import { isNewest, type Instances } from './instances.js';
import { joinInstances, type JoinOptions, type MeetingPlace } from './join-instances.js';

const random = createSystemRandom();
const base = { clock: createSystemClock({ keepsAlive: true }), random, log: createSilentLog() };
const place = (): MeetingPlace => ({
  directory,
  instances: join(directory, 'instances'),
  lock: join(directory, 'lock'),
  advice: 'Stop them first.',
});
let directory: string;
let joined: Instances[];
let older: ChildProcess | undefined;

const start = async (options: Partial<JoinOptions> = {}): Promise<Instances> => {
  const { signal } = new AbortController();
  const instances = await joinInstances(place(), { ...base, isBeside: false, waitMs: 0, signal, ...options });
  joined.push(instances);
  return instances;
};
const refusal = async (options: Partial<JoinOptions>): Promise<string> =>
  start(options).then(
    () => 'joined',
    (error: unknown) => PaneletError.from(error).code,
  );
/** The instance that has the lock that earlier releases know, as it says itself. */
const holder = (): unknown => {
  const { instance } = JSON.parse(readFileSync(join(directory, 'lock', 'instance'), 'utf8')) as Record<string, unknown>;
  return instance;
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-join-'));
  joined = [];
  older = undefined;
});

afterEach(async () => {
  older?.kill('SIGKILL');
  await Promise.all(joined.map((instances) => instances.release()));
  rmSync(directory, { recursive: true });
});

describe('the instances of a panel’s directory', () => {
  test('are one, unless the next one is told to start beside it', async () => {
    const first = await start();
    expect(await refusal({})).toBe('ALREADY_RUNNING');
    const second = await start({ isBeside: true });
    expect(second.own.number).toBeGreaterThan(first.own.number);
    expect([await isNewest(first), await isNewest(second)]).toEqual([false, true]);
    expect(await first.others()).toEqual([second.own.number]);
    // Not waited for: what can be had at once is.
    expect(await refusal({ isBeside: true })).toBe('joined');
  });

  test('start beside nobody as well', async () => {
    const only = await start({ isBeside: true });
    expect([await only.others(), holder()]).toEqual([[], only.own.number]);
  });

  test('hand the lock that earlier releases know on to each other at once', async () => {
    const first = await start();
    // By its clock no time passes.
    const second = await start({ isBeside: true, clock: createFakeClock() });
    expect(holder()).toBe(first.own.number);
    await first.release();
    await waitFor('the other one has it', () => holder() === second.own.number);
    const next: unknown = await lockDirectory(join(directory, 'lock'), { random }).catch((error: unknown) => error);
    expect(PaneletError.from(next).code).toBe('ALREADY_RUNNING');
  });

  test('never start beside a worker of an earlier release, also not where an instance had the lock before', async () => {
    const first = await start();
    await first.release();
    const lock = await lockDirectory(join(directory, 'lock'), { random });
    expect(await refusal({ isBeside: true })).toBe('ALREADY_RUNNING');
    // Nothing is left of the attempt.
    await lock.release();
    const next = await start();
    expect(await next.others()).toEqual([]);
  });

  test('never start beside one that has the lock, where an instance that lives had it before', async () => {
    const instance = await takeInstanceLock(join(directory, 'instances'), { ...base, onDeath: () => undefined });
    const had = await lockDirectory(join(directory, 'lock'), { random });
    const word = JSON.stringify({ lock: had.number, instance: instance.number });
    writeFileSync(join(directory, 'lock', 'instance'), word);
    // As long as it has it, others may come.
    expect(await refusal({ isBeside: true })).toBe('joined');
    await joined.pop()?.release();
    await had.release();
    const lock = await lockDirectory(join(directory, 'lock'), { random });
    expect(await refusal({ isBeside: true })).toBe('ALREADY_RUNNING');
    await Promise.all([lock.release(), instance.release()]);
  });

  test('start beside one that has just taken the lock, as soon as it has said so, also where they wait for nobody', async () => {
    const instance = await takeInstanceLock(join(directory, 'instances'), { ...base, onDeath: () => undefined });
    const lock = await lockDirectory(join(directory, 'lock'), { random });
    // No time passes before it has been said.
    const clock = createFakeClock();
    const started = start({ isBeside: true, clock });
    await waitFor('it has been refused', () => clock.pending() > 0);
    const word = JSON.stringify({ lock: lock.number, instance: instance.number });
    writeFileSync(join(directory, 'lock', 'instance'), word);
    clock.advance(20);
    expect(await (await started).others()).toEqual([instance.number]);
    await Promise.all([lock.release(), instance.release()]);
  });

  test('are waited for also where the lock is free', async () => {
    const instance = await takeInstanceLock(join(directory, 'instances'), { ...base, onDeath: () => undefined });
    expect(await refusal({})).toBe('ALREADY_RUNNING');
    const waiting = start({ waitMs: 60_000 });
    await instance.release();
    expect(await (await waiting).others()).toEqual([]);
  });

  test('never start beside one that has ended and has not let go of the lock', async () => {
    mkdirSync(join(directory, 'lock'));
    const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('ready'))`;
    const path = join(directory, 'lock', 'lock-1');
    older = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(older.stdout ?? older, 'data');
    expect(await refusal({ isBeside: true })).toBe('ALREADY_RUNNING');
    const waiting = start({ isBeside: true, waitMs: 60_000 });
    older.kill('SIGKILL');
    await once(older, 'exit');
    expect(await (await waiting).others()).toEqual([]);
  });

  test('that wait for all wait for those beside, too, and keep others from joining meanwhile', async () => {
    const first = await start();
    const second = await start({ isBeside: true });
    let isJoined = false;
    const last = start({ waitMs: 60_000 }).then((instances) => {
      isJoined = true;
      return instances;
    });
    await first.release();
    await waitFor('one of them has the lock', () => readdirSync(join(directory, 'lock')).includes('lock-2'));
    expect(isJoined).toBe(false);
    await second.release();
    expect(await (await last).others()).toEqual([]);
  });

  test('hear of a death, and not of their own end', async () => {
    const [first, second] = [await start(), await start({ isBeside: true })];
    let deaths = 0;
    second.onDeath(() => deaths++);
    await first.release();
    await waitFor('it is noticed', () => deaths === 1);
    expect(await second.isAlive(first.own.number)).toBe(false);
  });

  test('hear of a newer one, and nobody of an older one', async () => {
    const first = await start();
    let arrivals = 0;
    first.onArrival(() => arrivals++);
    const second = await start({ isBeside: true });
    let toSecond = 0;
    second.onArrival(() => toSecond++);
    await waitFor('it is noticed', () => arrivals === 1);
    expect(first.hasNewer).toBe(true);
    await start({ isBeside: true });
    await waitFor('so is the next one', () => arrivals === 2 && toSecond === 1);
  });

  test('are alone where one keeps the others out, which wait for it', async () => {
    const alone = await start({ keepsOthersOut: true });
    expect(await refusal({ isBeside: true })).toBe('ALREADY_RUNNING');
    const waiting = start({ isBeside: true, waitMs: 60_000 });
    await alone.release();
    expect(await (await waiting).others()).toEqual([]);
    expect(await refusal({ keepsOthersOut: true })).toBe('ALREADY_RUNNING');
  });
});
