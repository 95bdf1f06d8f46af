import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FileSystem } from '#common/files/file-system.js';
import { createSilentLog } from '#common/log.js';
import { createMemoryDisk, type MemoryDisk } from '#test/support/memory-disk.js';
import { createMemoryInstances, type MemoryInstance, type MemoryInstances } from '#test/support/memory-instances.js';
import { createCheckpointStore } from './checkpoint-store.js';
import { createIncarnationStore } from './incarnation.js';
import { InstanceFile } from './instances.js';
import { SessionOwnership } from './session-ownership.js';

const id = '3f2b8f4e-0c1d-4b7a-9a55-000000000001';
const directory = '/panel';
const log = createSilentLog();
let disk: MemoryDisk;
let instances: MemoryInstances;

/** A worker that shares the disk. */
interface Sharer {
  readonly instance: MemoryInstance;
  readonly ownership: SessionOwnership;
}

const join = async (through: (fileSystem: FileSystem) => FileSystem = (same) => same): Promise<Sharer> => {
  const instance = instances.join();
  const own = disk.mount().fileSystem;
  const instanceFile = new InstanceFile(directory, instance.own, own);
  await instanceFile.path();
  const fileSystem = through(own);
  const incarnations = createIncarnationStore({ directory, instanceFile, fileSystem });
  return { instance, ownership: new SessionOwnership({ directory, incarnations, instances: instance, fileSystem }) };
};

const restart = async (): Promise<void> => {
  disk = createMemoryDisk();
  instances = createMemoryInstances();
  await disk.mount().fileSystem.mkdirs(`${directory}/${id}`, 0o700);
};

/** A session that this one has opened. */
const open = async ({ ownership }: Sharer): Promise<void> => {
  expect(await ownership.begin(id)).toBe(true);
  expect(await ownership.decide(id, 1)).toBe(true);
};

beforeEach(restart);

describe('who has a session', () => {
  test('is whoever opened it, for as long as that one lives', async () => {
    const [first, second] = [await join(), await join()];
    await open(first);
    expect(await first.ownership.look(id)).toEqual({ kind: 'here', incarnation: 1, decided: 1 });
    const elsewhere = { kind: 'elsewhere', incarnation: 1, decided: 1, instance: first.instance.own };
    expect(await second.ownership.look(id)).toEqual(elsewhere);
    expect(await second.ownership.take(id)).toBe(false);
    first.instance.kill();
    expect(await second.ownership.look(id)).toEqual({ kind: 'nobody', incarnation: 1, decided: 1 });
    expect(await second.ownership.take(id)).toBe(true);
    expect(await second.ownership.look(id)).toEqual({ kind: 'here', incarnation: 2, decided: 2 });
  });

  test('is already whoever is opening it', async () => {
    const [first, second] = [await join(), await join()];
    await first.ownership.begin(id);
    expect(await second.ownership.look(id)).toMatchObject({ kind: 'elsewhere' });
    expect(await second.ownership.begin(id)).toBe(false);
    expect(await second.ownership.isAbandoned(id)).toBe(false);
    first.instance.kill();
    expect(await second.ownership.isAbandoned(id)).toBe(true);
  });

  test('before its first claim is nobody that can be named: it is abandoned only when no other one lives', async () => {
    const [first, second] = [await join(), await join()];
    expect(await second.ownership.isAbandoned(id)).toBe(false);
    first.instance.kill();
    expect(await second.ownership.isAbandoned(id)).toBe(true);
  });

  test('is not one that has only the number of a living one, as after a move of the disk', async () => {
    const first = await join();
    await open(first);
    first.instance.kill();
    instances = createMemoryInstances();
    const { fileSystem } = disk.mount();
    const namesake = instances.join();
    expect(namesake.own.number).toBe(first.instance.own.number);
    await new InstanceFile(directory, { ...namesake.own, id: 'a namesake' }, fileSystem).path();
    const second = await join();
    expect(await second.ownership.look(id)).toMatchObject({ kind: 'nobody' });
  });

  test('stays who decided last when somebody else only claims', async () => {
    const [first, second] = [await join(), await join()];
    await open(first);
    await second.ownership.claim(id, { incarnation: 1, decided: 1 });
    expect(await first.ownership.look(id)).toEqual({ kind: 'here', incarnation: 2, decided: 1 });
    expect(await second.ownership.look(id)).toMatchObject({ kind: 'elsewhere' });
  });

  test('is not who claims what has been taken since he looked', async () => {
    const [first, second, third] = [await join(), await join(), await join()];
    await open(first);
    first.instance.kill();
    await second.ownership.claim(id, await second.ownership.look(id));
    const found = await third.ownership.look(id);
    await second.ownership.decide(id, 2);
    expect(await third.ownership.claim(id, found)).toBe(false);
    // Whoever had decided sees the claim above its own in time, or was before it.
    expect(await second.ownership.look(id)).toMatchObject({ kind: 'here', decided: 2 });
  });

  test('is never two, in whatever order those who take it come to the disk', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (scheduler, takers) => {
        await restart();
        const first = await join();
        await open(first);
        first.instance.kill();
        const sharers: Sharer[] = [];
        for (let taker = 0; taker < takers; taker++) sharers.push(await join((real) => scheduled(real, scheduler)));
        const taking = Promise.all(sharers.map(({ ownership }) => ownership.take(id)));
        await scheduler.waitFor(taking);
        const winners = (await taking).flatMap((hasIt, taker) => (hasIt ? [taker] : []));
        expect(winners.length).toBeLessThanOrEqual(1);
        const looks = Promise.all(sharers.map(({ ownership }) => ownership.look(id)));
        await scheduler.waitFor(looks);
        const here = (await looks).flatMap(({ kind }, taker) => (kind === 'here' ? [taker] : []));
        // Whoever came through has it; where nobody did, one of them may still, or all.
        if (winners.length > 0) expect(here).toEqual(winners);
      }),
      { numRuns: 500 },
    );
  });

  test('goes from one to the next by its checkpoint, and nothing of it is lost or used twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 3 }), async (scheduler, takers) => {
        await restart();
        const first = await join();
        await open(first);
        const session = new SealedSession();
        await session.leave(first, disk.mount().fileSystem);
        const all: Promise<void>[] = [];
        for (let taker = 0; taker < takers; taker++) {
          let mine: FileSystem | undefined;
          const sharer = await join((real) => (mine = scheduled(real, scheduler)));
          if (mine !== undefined) all.push(session.goOn(sharer, mine));
        }
        await scheduler.waitFor(Promise.all(all));
        expect(session.broken).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

/** A session that counts the workers which had it; each of them seals it when it ends. */
class SealedSession {
  readonly broken: string[] = [];
  #sealed = 0;
  #having = 0;

  /** Seals one more, and ends. */
  async leave({ instance }: Sharer, fileSystem: FileSystem): Promise<void> {
    await createCheckpointStore({ directory, fileSystem, log }).seal(id, Buffer.from(String(++this.#sealed)));
    this.#having = 0;
    instance.kill();
  }

  /** Takes it as a worker does whose client has come, and ends then. */
  async goOn(sharer: Sharer, fileSystem: FileSystem): Promise<void> {
    const { ownership } = sharer;
    const checkpoints = createCheckpointStore({ directory, fileSystem, log });
    const found = await ownership.look(id);
    if (found.kind === 'elsewhere') return;
    const content = await checkpoints.read(id);
    if (!(await ownership.claim(id, found)) || !(await ownership.decide(id, found.incarnation + 1))) return;
    if (content === undefined) this.broken.push('It begins from nothing, though it was sealed');
    else if (!(await checkpoints.consume(id, found.incarnation + 1))) return;
    if (++this.#having > 1) this.broken.push('Two have it');
    if (Number(content?.toString()) !== this.#sealed) this.broken.push('What was sealed last is lost');
    await this.leave(sharer, fileSystem);
  }
}

/** Calls that link, list, read or rename wait for their turn. */
function scheduled(real: FileSystem, scheduler: fc.Scheduler): FileSystem {
  const turn = (): Promise<void> => scheduler.schedule(Promise.resolve());
  return {
    ...real,
    link: (from, to) => turn().then(() => real.link(from, to)),
    list: (path) => turn().then(() => real.list(path)),
    read: (path) => turn().then(() => real.read(path)),
    rename: (from, to) => turn().then(() => real.rename(from, to)),
  };
}
