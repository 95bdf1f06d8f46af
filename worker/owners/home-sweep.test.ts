import { mkdir, mkdtemp, rm, stat, chmod, writeFile, symlink, readFile, chown } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { waitFor } from '#test/support/wait-for.js';
import { startHomeSweep } from './home-sweep.js';
import { createLastUse, type LastUse } from './last-use.js';
import { createOwnerAccounts, type OwnerAccounts } from './owner-accounts.js';
import { createOwnerHomes, type OwnerHomes } from './owner-homes.js';
import { runScript } from './run-script.js';
import { createUidBook } from './uid-book.js';
import { defaultUidRange, type UidRange } from './uid-range.js';

const dayMs = 86_400_000;
const log = createSilentLog();

describe('the sweep of HOMEs', () => {
  let clock: FakeClock;
  let ages: Map<number, number>;
  let present: Set<number>;
  let removed: number[];
  let looks: number;
  let isDue: boolean;
  const stopping: AbortController[] = [];
  const lastUse: LastUse = {
    touch: (uid) => Promise.resolve(void ages.set(uid, clock.nowMs())),
    ageMs: (uid) => Promise.resolve(ages.has(uid) ? clock.nowMs() - (ages.get(uid) ?? 0) : undefined),
  };
  const homes = (): OwnerHomes => {
    const there = new Set([1, 2]);
    const aside = new Set<number>();
    return {
      setAside: (uid) => {
        if (there.delete(uid)) aside.add(uid);
        return Promise.resolve();
      },
      removeAside: (uid) => {
        const isThere = aside.delete(uid);
        if (isThere) removed.push(uid);
        return Promise.resolve(isThere);
      },
    };
  };
  const start = (keepDays: number | undefined, stored = (): Promise<Set<string>> => Promise.resolve(new Set())) => {
    const stop = new AbortController();
    stopping.push(stop);
    return startHomeSweep({
      accounts: {
        whileAway: async (uid, work) => {
          if (present.has(uid)) return false;
          await work();
          return true;
        },
      },
      book: {
        owners: () => {
          looks += 1;
          return Promise.resolve(
            new Map([
              [1, 'ann'],
              [2, 'bob'],
            ]),
          );
        },
      },
      ...{ lastUse, homes: homes(), clock, log, storedOwners: stored, signal: stop.signal },
      isDue: () => Promise.resolve(isDue),
      keepMs: keepDays === undefined ? undefined : keepDays * dayMs,
    });
  };
  /** Lets a day pass, and what is done in its looks. */
  const day = async (): Promise<void> => {
    const before = looks;
    clock.advance(dayMs);
    await waitFor('the sweep looks', () => looks > before);
    await new Promise((done) => setImmediate(done));
  };

  beforeEach(() => {
    clock = createFakeClock();
    ages = new Map();
    present = new Set();
    removed = [];
    looks = 0;
    isDue = true;
  });
  afterEach(() => {
    for (const stop of stopping.splice(0)) stop.abort();
  });

  test('removes what nobody has used for so many days, and looks at once', async () => {
    ages.set(1, 0).set(2, 2 * dayMs);
    clock.advance(30 * dayMs);
    await start(30);
    expect(removed).toEqual([1]);
  });

  test('and daily: not a day early, and never while he has a session', async () => {
    ages.set(1, 0).set(2, 0);
    present.add(2);
    await start(20);
    for (let days = 1; days < 20; days++) await day();
    expect(removed).toEqual([]);
    await day();
    expect(removed).toEqual([1]);
    for (let days = 0; days < 30; days++) await day();
    expect(removed).toEqual([1]);
    expect(await lastUse.ageMs(2)).toBe(0);
  });

  test('keeps the HOME of a session that an earlier worker has left', async () => {
    ages.set(1, 0).set(2, 0);
    clock.advance(9 * dayMs);
    await start(1, () => Promise.resolve(new Set(['ann'])));
    expect(removed).toEqual([2]);
    expect(await lastUse.ageMs(1)).toBe(0);
  });

  test('leaves it to another worker while that does it', async () => {
    ages.set(1, 0).set(2, 0);
    clock.advance(9 * dayMs);
    isDue = false;
    await start(1);
    expect([removed, await lastUse.ageMs(1)]).toEqual([[], 9 * dayMs]);
  });

  test('removes none while it is not known whose sessions there are', async () => {
    ages.set(1, 0);
    clock.advance(9 * dayMs);
    await start(1, () => Promise.reject(new Error('unreadable')));
    expect(removed).toEqual([]);
  });

  test('counts from now for who was never noted, and without days only notes', async () => {
    clock.advance(9 * dayMs);
    await start(1);
    expect([removed, await lastUse.ageMs(1)]).toEqual([[], 0]);
    present.add(1);
    ages.clear();
    ages.set(1, 0).set(2, 0);
    await start(undefined);
    expect([removed, await lastUse.ageMs(1), await lastUse.ageMs(2)]).toEqual([[], 0, 9 * dayMs]);
  });
});

// Only root can make directories of others.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('a HOME of files', () => {
  // Of no other test: who ends the processes of a uid ends those of all workers on this machine.
  const range: UidRange = { ...defaultUidRange, first: 110_000, count: 10 };
  const limits = { openFiles: 256, processes: 512 };
  let dir: string;
  let homes: string;
  let clock: FakeClock;
  let accounts: OwnerAccounts;
  let ownerHomes: OwnerHomes;
  let mounts: string;
  const run = (uid: number, script: string, args: readonly string[] = []): Promise<number> =>
    runScript({ uid, script, args }, { limits, clock });
  const homeOf = (uid: number): string => join(homes, String(uid));

  beforeEach(async () => {
    // Directly in /tmp: owners must be able to pass.
    dir = await mkdtemp('/tmp/pw-homes-');
    await chmod(dir, 0o711);
    homes = join(dir, 'homes');
    clock = createFakeClock();
    const directory = join(dir, 'owners');
    accounts = createOwnerAccounts({
      book: createUidBook({ directory, range, random: createSystemRandom() }),
      lastUse: createLastUse({ directory, clock }),
      ...{ homes, temporaries: join(dir, 'tmp'), limits, log, clock },
    });
    mounts = '';
    ownerHomes = createOwnerHomes({ homes, run, mountInfo: () => Promise.resolve(mounts) });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const twoOwners = async (): Promise<[number, number]> => {
    const [ann, bob] = [await accounts.enter('ann'), await accounts.enter('bob')];
    await ann.leave();
    await bob.leave();
    return [ann.uid, bob.uid];
  };

  test('goes with closed directories, links and strange names in it, and nothing that they lead to', async () => {
    const [ann, bob] = await twoOwners();
    expect(await run(bob, 'echo bobs >"$1/mine"; chmod 755 "$1"', [homeOf(bob)])).toBe(0);
    await mkdir(join(dir, 'open'), { mode: 0o777 });
    await chmod(join(dir, 'open'), 0o777);
    await writeFile(join(dir, 'open', 'kept'), '');
    const fill = [
      'cd "$1" && mkdir -p a/b/c && echo x >a/b/c/d && ln -s "$2/mine" toFile && ln -s "$2" toHome && ln -s "$3" a/toOpen',
      'echo x >.hidden && echo x >"-rf" && echo x >"a b\nc" && ln -s .. a/b/up && mkdir ./-x && chmod 0 ./-x a/b/c a/b a . ',
    ].join(' && ');
    expect(await run(ann, fill, [homeOf(ann), homeOf(bob), join(dir, 'open')])).toBe(0);
    await ownerHomes.setAside(ann);
    expect(existsSync(homeOf(ann))).toBe(false);
    expect(await ownerHomes.removeAside(ann)).toBe(true);
    expect(existsSync(join(homes, `${ann}.removed`))).toBe(false);
    expect(await readFile(join(homeOf(bob), 'mine'), 'utf8')).toBe('bobs\n');
    expect((await stat(homeOf(bob))).mode & 0o777).toBe(0o755);
    expect(existsSync(join(dir, 'open', 'kept'))).toBe(true);
  });

  test('is emptied by a process of its uid: what is another’s stays, and is told', async () => {
    const [ann] = await twoOwners();
    await mkdir(join(homeOf(ann), 'roots'), { mode: 0o755 });
    await writeFile(join(homeOf(ann), 'roots', 'file'), '');
    await ownerHomes.setAside(ann);
    await expect(ownerHomes.removeAside(ann)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    expect(existsSync(join(homes, `${ann}.removed`, 'roots', 'file'))).toBe(true);
  });

  test('is left alone while something is mounted in it', async () => {
    const [ann] = await twoOwners();
    mounts = `31 30 0:40 / ${homeOf(ann)}/disk rw - tmpfs tmpfs rw\n`;
    await expect(ownerHomes.setAside(ann)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE', message: /mounted/ });
    mounts = '';
    await ownerHomes.setAside(ann);
    mounts = `31 30 0:40 / ${homeOf(ann)}.removed/disk rw - tmpfs tmpfs rw\n`;
    await expect(ownerHomes.removeAside(ann)).rejects.toMatchObject({ message: /mounted/ });
    mounts = '';
    expect(await ownerHomes.removeAside(ann)).toBe(true);
  });

  test('is left alone when it is not its owner’s, or a link', async () => {
    const [ann, bob] = await twoOwners();
    await chown(homeOf(ann), 0, 0);
    await expect(ownerHomes.setAside(ann)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    await rm(homeOf(ann), { recursive: true });
    await symlink(homeOf(bob), homeOf(ann));
    await expect(ownerHomes.setAside(ann)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    expect(existsSync(homeOf(bob))).toBe(true);
  });

  test('is not taken from who has a session, nor from who comes meanwhile', async () => {
    const ann = await accounts.enter('ann');
    const again = await accounts.enter('ann');
    const take = (): Promise<void> => ownerHomes.setAside(ann.uid);
    expect(await accounts.whileAway(ann.uid, take)).toBe(false);
    await again.leave();
    expect(await accounts.whileAway(ann.uid, take)).toBe(false);
    await ann.leave();
    const taking = createLatch<undefined>();
    const away = accounts.whileAway(ann.uid, async () => {
      await taking.promise;
      await take();
    });
    const entering = accounts.enter('ann');
    // As long as it takes others to come: she has to wait, or her new session would lose its HOME.
    for (let others = 0; others < 2; others++) await (await accounts.enter('bob')).leave();
    taking.resolve(undefined);
    expect(await away).toBe(true);
    const back = await entering;
    expect((await stat(back.home)).uid).toBe(ann.uid);
    expect(await ownerHomes.removeAside(ann.uid)).toBe(true);
    expect(await back.run('cd -- "$1"', [back.home])).toBe(0);
    await back.leave();
  });
});
