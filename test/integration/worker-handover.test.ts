import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createSeededRandom } from '#common/random.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { DrainPhase, ResumeOutcome, type EndSessionResponse } from '#proto/session/v1/session.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { ask, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { callerMetadata, createSessionClient, LinkClient } from '#test/support/link-client.js';
import { createSharedWorkers, type SharedWorker, type SharedWorkers } from '#test/support/node/shared-workers.js';
import { MovingClient } from '#test/support/moving-client.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { withMethods } from '#test/support/with-methods.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';

jest.setTimeout(60_000);

describe('a worker that drains beside a newer one', () => {
  let dir: string;
  let workers: SharedWorkers;
  const clients: LinkClient[] = [];

  beforeEach(async () => {
    dir = await temporaryDirectory();
    workers = await createSharedWorkers(dir);
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await workers.close();
    await rm(dir, { recursive: true, force: true });
  });

  const opened = async (count: number): Promise<readonly LinkClient[]> => {
    const made = Array.from({ length: count }, () => new LinkClient({ socket: workers.socket }));
    clients.push(...made);
    for (const one of made) {
      await one.comeBack();
      one.write(randomBytes(10_000));
      await one.echoed();
    }
    return made;
  };
  const goesOn = async (made: LinkClient): Promise<void> => {
    made.write(randomBytes(10_000));
    await made.echoed();
    expect([made.isExact, made.losses]).toEqual([true, []]);
  };
  const endSession = async (worker: SharedWorker, sessionId: string): Promise<void> => {
    const grpc = createSessionClient(worker.socket);
    await ask<EndSessionResponse>((done) => grpc.endSession({ sessionId }, callerMetadata(), done)).finally(() =>
      grpc.close(),
    );
  };
  const pair = async (
    options: Parameters<SharedWorkers['start']>[0] = {},
  ): Promise<readonly [SharedWorker, SharedWorker, readonly LinkClient[]]> => {
    const old = await workers.start();
    await workers.lead(old);
    const made = await opened(8);
    return [old, await workers.start(options), made];
  };

  test('gives its sessions to it, live: they go on exactly, while the old one still runs', async () => {
    const [old, young, made] = await pair();
    // One without a client, one with input that nobody has acknowledged.
    await made[0]?.cut();
    made[1]?.write(randomBytes(200_000));
    const { counts } = await receiptOfDrain(startDrain(old.gate));
    expect(counts).toMatchObject({ moved: 8, checkpointed: 0, forced: 0, finished: 0, remaining: 0 });
    expect([old.worker.gate.unsafe(), young.worker.gate.unsafe()]).toEqual([0, 8]);
    await workers.lead(young);
    for (const one of made) {
      await one.over();
      expect(await one.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT, incarnation: 2 });
      await goesOn(one);
    }
  });

  test('tells its clients to attach again at once', async () => {
    const [old, , [alice]] = await pair();
    await receiptOfDrain(startDrain(old.gate));
    await alice?.over();
    expect(alice?.drains().at(-1)).toBe(DrainPhase.READY);
    expect(alice?.next).toMatchObject({ kind: 'reattach', afterMs: 0, backoff: false });
    // It says who has the session.
    await expect(alice!.comeBack()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
  });

  describe('and has clients that can open their next attachment', () => {
    const movers: MovingClient[] = [];
    const arrived = async (count: number, takesMoves = true): Promise<readonly MovingClient[]> => {
      const made = Array.from({ length: count }, () => new MovingClient(workers.socket, takesMoves));
      movers.push(...made);
      for (const one of made) {
        one.attach(false);
        await waitFor('the first Welcome', () => one.link.attached);
      }
      return made;
    };
    const echoes = async (one: MovingClient, text: string): Promise<void> => {
      one.write(text);
      await waitFor('it is back', () => one.received === one.written);
    };
    const isAsked = (one: MovingClient): boolean => one.told.includes('move');
    const welcomesOf = ({ effects }: MovingClient) => effects.filter(({ kind }) => kind === 'welcomed').slice(1);
    const movedOnce = { incarnation: 2, outcome: ResumeOutcome.EXACT };

    afterEach(() => {
      for (const one of movers.splice(0)) one.close();
    });

    test('has them wait at the newer one first, while their sessions go on', async () => {
      const old = await workers.start();
      await workers.lead(old);
      const made = await arrived(4);
      const young = await workers.start();
      const drain = startDrain(old.gate, { noticeMs: 10_000 });
      for (const one of made) {
        await waitFor('it is asked', () => isAsked(one));
        expect(one.effects.find(({ kind }) => kind === 'move')).toMatchObject({ move: { reattach: undefined } });
        await echoes(one, 'before the next attachment, ');
        one.attach(true, { socket: young.socket });
        one.write('beside it, ');
      }
      expect((await receiptOfDrain(drain)).counts).toMatchObject({ moved: 4, checkpointed: 0, forced: 0 });
      for (const one of made) {
        await waitFor('the next Welcome', () => welcomesOf(one).length > 0);
        await echoes(one, 'over it');
        expect(welcomesOf(one)).toMatchObject([movedOnce]);
        expect(one.refusals).toEqual([]);
      }
    });

    test('does not wait for long for one that does not come, and tells it to attach again', async () => {
      const old = await workers.start();
      await workers.lead(old);
      const [staying, cannot] = [...(await arrived(1)), ...(await arrived(1, false))];
      const young = await workers.start();
      expect((await receiptOfDrain(startDrain(old.gate, { noticeMs: 10_000 }))).counts).toMatchObject({ moved: 2 });
      expect([staying?.told, cannot?.told]).toEqual([
        ['drain', 'move', 'drain'],
        ['drain', 'drain'],
      ]);
      for (const one of [staying, cannot]) {
        await waitFor('its attachment is over', () => one?.link.attached === false);
        one?.attach(false, { socket: young.socket });
        await waitFor('the next Welcome', () => one?.link.attached === true);
        await echoes(one!, 'as before');
      }
    });

    test('sends those away who wait for a session that stays for now, and moves it in a later turn', async () => {
      const old = await workers.start();
      await workers.lead(old);
      const [alice] = await arrived(1);
      const young = await workers.start();
      const hold = Buffer.from(JSON.stringify({ ms: 700 }));
      alice!.link.endpoint.writeEvent({ kind: { $case: 'panel', value: { name: 'hold', payload: hold } } });
      alice!.pump();
      const drain = startDrain(old.gate, { noticeMs: 10_000 });
      await waitFor('it is asked', () => isAsked(alice!));
      alice!.attach(true, { socket: young.socket });
      await waitFor('it is sent away', () => alice!.refusals.length > 0);
      expect([alice!.refusals, welcomesOf(alice!)]).toEqual([['WORKER_UNAVAILABLE'], []]);
      await waitFor('it is asked again', () => alice!.told.filter((kind) => kind === 'move').length === 2);
      alice!.attach(true, { socket: young.socket });
      expect((await receiptOfDrain(drain)).counts).toMatchObject({ moved: 1, checkpointed: 0, forced: 0 });
      await waitFor('the next Welcome', () => welcomesOf(alice!).length > 0);
      await echoes(alice!, 'goes on');
      // The turn before has claimed an incarnation, too.
      expect(welcomesOf(alice!)).toMatchObject([{ ...movedOnce, incarnation: 3 }]);
    });

    test('loses nothing of one that waits at a newer one that dies', async () => {
      const old = await workers.start();
      await workers.lead(old);
      const [alice] = await arrived(1);
      const restoring = createLatch();
      const restore = (): Promise<never> => {
        restoring.resolve();
        return new Promise<never>(() => undefined);
      };
      const young = await workers.start({ panel: { ...createEchoPanel(), restore } });
      const drain = startDrain(old.gate, { noticeMs: 10_000 });
      await waitFor('it is asked', () => isAsked(alice!));
      const next = alice!.attach(true, { socket: young.socket });
      await restoring.promise;
      alice!.write('written over the one before');
      await young.crash();
      expect((await receiptOfDrain(drain)).counts).toMatchObject({ moved: 0, checkpointed: 1, forced: 0 });
      await next.promise;
      await old.stop();
      const third = await workers.start();
      await waitFor('both attachments are over', () => !alice!.link.attached);
      alice!.attach(false, { socket: third.socket });
      await waitFor('the next Welcome', () => alice!.link.attached);
      await echoes(alice!, ', and over the last one');
    });
  });

  test.each([
    ['cannot restore it', () => Promise.reject(new Error('This version cannot.'))],
    ['takes too long', () => new Promise<never>(() => undefined)],
  ])('goes on with a session that the newer one %s, and writes it down in the end', async (_what, restore) => {
    const panel: PanelDefinition = { ...createEchoPanel(), restore };
    const [old, young, made] = await pair({ panel });
    const drain = startDrain(old.gate, { noticeMs: 1_000 });
    await goesOn(made[0]!);
    const { counts } = await receiptOfDrain(drain);
    expect(counts).toMatchObject({ moved: 0, checkpointed: 8, forced: 0 });
    await waitFor('it is given up there, too', () => young.worker.gate.unsafe() === 0);
    await old.stop();
    const third = await workers.start();
    await workers.lead(third);
    for (const one of made) {
      await one.over();
      expect(await one.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
      await goesOn(one);
    }
  });

  test('gives a session more time in its next turn, whose move took too long in the one before', async () => {
    const echo = createEchoPanel();
    let tries = 0;
    const restore: typeof echo.restore = async (...args) => {
      tries += 1;
      await sleep(createSystemClock(), 350);
      return echo.restore!(...args);
    };
    const old = await workers.start();
    await workers.lead(old);
    const [alice] = await opened(1);
    const young = await workers.start({ panel: { ...echo, restore } });
    // Its notice is over before the second turn, and waits for it.
    const { counts } = await receiptOfDrain(startDrain(old.gate, { noticeMs: 100, timeoutMs: 20_000 }));
    expect(counts).toMatchObject({ moved: 1, checkpointed: 0, forced: 0 });
    expect(tries).toBeGreaterThan(1);
    await workers.lead(young);
    await alice?.over();
    await alice?.comeBack();
    await goesOn(alice!);
  });

  test('gives a session in its first turn that has just begun with an input', async () => {
    const [begun, go] = [createLatch(), createLatch()];
    const echo = createEchoPanel();
    const panel: PanelDefinition = {
      ...echo,
      open: async (context) => {
        const session = await echo.open(context);
        const input: typeof session.input = async (item) => {
          begun.resolve();
          await go.promise;
          await session.input(item);
        };
        const freeze = async (): Promise<void> => {
          await session.freeze();
          setImmediate(() => go.resolve());
        };
        return withMethods(session, { input, freeze });
      },
    };
    const old = await workers.start({ panel });
    await workers.lead(old);
    const alice = new LinkClient({ socket: workers.socket });
    clients.push(alice);
    await alice.comeBack();
    const young = await workers.start();
    alice.write(randomBytes(10_000));
    await begun.promise;
    // Without a notice there is no second turn.
    const { counts } = await receiptOfDrain(startDrain(old.gate, { noticeMs: 0 }));
    expect(counts).toMatchObject({ moved: 1, checkpointed: 0 });
    await workers.lead(young);
    await alice.over();
    await alice.comeBack();
    await goesOn(alice);
  });

  test('goes on with a session whose taker dies before it has decided', async () => {
    const restoring = createLatch();
    const panel: PanelDefinition = {
      ...createEchoPanel(),
      restore: () => {
        restoring.resolve();
        return new Promise<never>(() => undefined);
      },
    };
    const [old, young, made] = await pair({ panel });
    const drain = startDrain(old.gate);
    await restoring.promise;
    await young.crash();
    const { counts } = await receiptOfDrain(drain);
    expect(counts).toMatchObject({ moved: 0, checkpointed: 8, forced: 0 });
    await old.stop();
    await workers.lead(await workers.start());
    for (const one of made) {
      await one.over();
      expect(await one.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
      await goesOn(one);
    }
  });

  test('gives nothing up that a newer one has decided to have, however late that says so', async () => {
    const go = createLatch();
    const echo = createEchoPanel();
    const panel: PanelDefinition = {
      ...echo,
      restore: async (context, state) => {
        const session = await echo.restore!(context, state);
        // Decides in time, and answers too late.
        return withMethods(session, {});
      },
    };
    const slow = (real: Parameters<Parameters<SharedWorkers['start']>[1] & {}>[0]): typeof real => ({
      ...real,
      list: async (path) => {
        const names = await real.list(path);
        if (path.endsWith('/incarnations') && names.includes('2.live')) await go.promise;
        return names;
      },
    });
    const old = await workers.start();
    await workers.lead(old);
    const [alice] = await opened(1);
    const young = await workers.start({ panel }, slow);
    const drain = startDrain(old.gate);
    const { counts } = await receiptOfDrain(drain);
    expect(counts).toMatchObject({ moved: 1, checkpointed: 0, forced: 0 });
    go.resolve();
    await workers.lead(young);
    await alice?.over();
    expect(await alice!.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT, incarnation: 2 });
    await goesOn(alice!);
  });

  test('leaves a session that the drain has written down alone, when the newer one says late that it would take it', async () => {
    const [asked, go] = [createLatch(), createLatch()];
    let isSlow = false;
    const old = await workers.start();
    await workers.lead(old);
    const [alice] = await opened(1);
    const young = await workers.start({}, (real) => ({
      ...real,
      read: async (path) => {
        const bytes = await real.read(path);
        if (isSlow && path.endsWith('record.json')) {
          asked.resolve();
          await go.promise;
        }
        return bytes;
      },
    }));
    isSlow = true;
    const drain = startDrain(old.gate, { timeoutMs: 800 });
    await asked.promise;
    const { counts } = await receiptOfDrain(drain);
    expect(counts).toMatchObject({ moved: 0, checkpointed: 1, forced: 0 });
    go.resolve();
    await waitFor('it is claimed in vain', async () =>
      (await workers.fileSystem.list(`${dir}/sessions/echo/${alice!.sessionId}/incarnations`)).includes('2'),
    );
    await sleep(createSystemClock(), 100);
    expect([old.worker.gate.unsafe(), young.worker.gate.unsafe()]).toEqual([0, 0]);
    await old.stop();
    await workers.lead(young);
    await alice!.over();
    expect(await alice!.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await goesOn(alice!);
  });

  test('lets a session go on at once whose panel cannot say its state', async () => {
    const echo = createEchoPanel();
    let isBroken = true;
    const panel: PanelDefinition = {
      ...echo,
      open: async (context) => {
        const session = await echo.open(context);
        const checkpoint = (): Uint8Array => {
          if (isBroken) throw new Error('This panel has no words.');
          return session.checkpoint!();
        };
        return withMethods(session, { checkpoint });
      },
    };
    const old = await workers.start({ panel });
    await workers.lead(old);
    const [alice, bob] = await opened(2);
    await workers.start();
    // Keeps the notice from its end.
    bob!.event('hold', { ms: 2_000 });
    const drain = startDrain(old.gate, { noticeMs: 4_000 });
    await waitFor('its move is tried', async () =>
      (await workers.fileSystem.list(`${dir}/sessions/echo/${alice!.sessionId}/incarnations`)).includes('2'),
    );
    await goesOn(alice!);
    isBroken = false;
    expect((await receiptOfDrain(drain)).counts).toMatchObject({ forced: 0, remaining: 0 });
  });

  test('ends no session that is just being handed over: it would live on there', async () => {
    const [restoring, go] = [createLatch(), createLatch()];
    const echo = createEchoPanel();
    const panel: PanelDefinition = {
      ...echo,
      restore: async (context, state) => {
        restoring.resolve();
        await go.promise;
        return echo.restore!(context, state);
      },
    };
    const old = await workers.start();
    await workers.lead(old);
    const [alice] = await opened(1);
    const young = await workers.start({ panel });
    const drain = startDrain(old.gate);
    await restoring.promise;
    await expect(endSession(old, alice!.sessionId)).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    go.resolve();
    expect((await receiptOfDrain(drain)).counts).toMatchObject({ moved: 1 });
    await endSession(young, alice!.sessionId);
    expect(young.worker.gate.unsafe()).toBe(0);
  });

  test.each(Array.from({ length: isExhaustive ? 40 : 4 }, (_, index) => index + 1))(
    'loses nothing without a word, whichever of the two is killed at any moment (seed %i)',
    async (seed) => {
      const random = createSeededRandom(seed);
      const below = (limit: number): number => Math.floor(random.number() * limit);
      const [old, young, made] = await pair();
      for (const one of made) one.write(randomBytes(below(100_000)));
      const drain = startDrain(old.gate);
      drain.done.catch(() => undefined);
      await sleep(createSystemClock(), below(40));
      const survivor = below(2) === 0 ? old : young;
      await (survivor === old ? young : old).crash();
      if (survivor === old) await receiptOfDrain(drain);
      await old.stop();
      const heir = survivor === old ? await workers.start() : young;
      await workers.lead(heir);
      for (const one of made) {
        await one.over();
        const { outcome } = await one.comeBack();
        const isExact = outcome === ResumeOutcome.EXACT;
        expect([seed, isExact || outcome === ResumeOutcome.ROLLED_BACK]).toEqual([seed, true]);
        expect([seed, one.losses.map(({ code }) => code)]).toEqual([seed, isExact ? [] : ['WORKER_CRASHED']]);
        if (!isExact) one.recount();
        one.write(randomBytes(10_000));
        await one.echoed();
        expect([seed, one.isExact]).toEqual([seed, true]);
      }
    },
  );

  test('writes down what does not move', async () => {
    const still: PanelDefinition = { ...createEchoPanel(), movable: false };
    const [old, young] = await pair({ panel: still });
    const { counts } = await receiptOfDrain(startDrain(old.gate));
    expect(counts).toMatchObject({ moved: 0, checkpointed: 8 });
    // As long as the old one lives they are its own; afterwards they are the newer one’s to restore, though it started before.
    expect(young.worker.gate.status().counts).toMatchObject({ restored: 0 });
    await old.stop();
    const restored = (): number | undefined => young.worker.gate.status().counts?.restored;
    await waitFor('the newer one has found them', () => restored() === 8);
  });
});
