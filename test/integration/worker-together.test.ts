import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createLatch } from '#common/time/latch.js';
import type { FileSystem } from '#common/files/file-system.js';
import { State } from '#proto/gate/v1/gate.js';
import { ResumeOutcome, type EndSessionResponse, type ListSessionsResponse } from '#proto/session/v1/session.js';
import { ask, receiptOfDrain, startDrain, statusOfGate, uncordon } from '#test/support/gate-calls.js';
import { callerMetadata, createSessionClient, LinkClient } from '#test/support/link-client.js';
import { createSharedWorkers, type SharedWorker, type SharedWorkers } from '#test/support/node/shared-workers.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { WatchRequest } from '#proto/worker/v1/worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { withMethods } from '#test/support/with-methods.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';

jest.setTimeout(60_000);

describe('workers beside each other on one disk', () => {
  let dir: string;
  let workers: SharedWorkers;
  let first: SharedWorker;
  const clients: LinkClient[] = [];
  const client = (options: Partial<ConstructorParameters<typeof LinkClient>[0]> = {}): LinkClient => {
    const made = new LinkClient({ socket: workers.socket, ...options });
    clients.push(made);
    return made;
  };
  /** A client of a worker, with some bytes sent and come back. */
  const attached = async (to: SharedWorker, identity = 'alice'): Promise<LinkClient> => {
    await workers.lead(to);
    const made = client({ identity });
    await made.comeBack();
    made.write(randomBytes(10_000));
    await made.echoed();
    return made;
  };
  const goesOn = async (made: LinkClient): Promise<void> => {
    made.write(randomBytes(10_000));
    await made.echoed();
    expect(made.isExact).toBe(true);
  };
  /** Files of a session. */
  const files = (sessionId: string): Promise<readonly string[]> =>
    workers.fileSystem.list(`${dir}/sessions/echo/${sessionId}`).catch(() => []);
  const listed = async (worker: SharedWorker): Promise<readonly string[]> => {
    const grpc = createSessionClient(worker.socket);
    const metadata = callerMetadata();
    const { sessions } = await ask<ListSessionsResponse>((done) => grpc.listSessions({ panel: '' }, metadata, done));
    grpc.close();
    return sessions.map(({ sessionId }) => sessionId);
  };
  const end = async (worker: SharedWorker, sessionId: string): Promise<void> => {
    const grpc = createSessionClient(worker.socket);
    await ask<EndSessionResponse>((done) => grpc.endSession({ sessionId }, callerMetadata(), done)).finally(() =>
      grpc.close(),
    );
  };
  const endsPanel = (): PanelDefinition => ({ ...createEchoPanel(), checkpointable: false, afterCrash: 'end' });

  /** Whose sessions are written down in a drain, and do not move to the other worker. */
  const stays = (): PanelDefinition => ({ ...createEchoPanel(), movable: false });

  beforeEach(async () => {
    dir = await temporaryDirectory();
    workers = await createSharedWorkers(dir);
    first = await workers.start();
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await workers.close();
    await rm(dir, { recursive: true, force: true });
  });

  test('leave each other’s sessions alone: a Hello at the wrong one is told to come again, and nothing is lost', async () => {
    const alice = await attached(first);
    const before = await files(alice.sessionId);
    const second = await workers.start();
    expect(await listed(second)).toEqual([]);
    await workers.lead(second);
    await alice.over();
    for (let tries = 0; tries < 2; tries++) {
      await expect(alice.comeBack()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
      expect(alice.next).toMatchObject({ kind: 'reattach' });
    }
    await expect(end(second, alice.sessionId)).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    expect(await files(alice.sessionId)).toEqual(before);
    await workers.lead(first);
    expect(await alice.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await goesOn(alice);
  });

  test('tell nobody of a session who may not have it', async () => {
    const alice = await attached(first);
    await workers.lead(await workers.start());
    const { sessionId } = alice;
    await expect(client({ sessionId, identity: 'mallory' }).attach()).rejects.toMatchObject({
      code: 'SESSION_UNKNOWN',
    });
    const resumeToken = randomBytes(48);
    await expect(client({ sessionId, resumeToken }).attach()).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('never open over a living session: a client that has not heard its Welcome asks again at the other one', async () => {
    const clientId = crypto.randomUUID();
    await workers.lead(first);
    const alice = client({ clientId });
    await alice.attach();
    const second = await workers.start();
    const before = await files(alice.sessionId);
    await workers.lead(second);
    const again = client({ clientId, sessionId: alice.sessionId });
    await expect(again.comeBack()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    expect(await files(alice.sessionId)).toEqual(before);
    await workers.lead(first);
    expect(await alice.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
  });

  test('take up what one leaves that dies, at once and without a restart', async () => {
    const alice = await attached(first);
    const second = await workers.start();
    await first.crash();
    await waitFor('it is found', async () => (await listed(second)).includes(alice.sessionId));
    await workers.lead(second);
    await alice.over();
    expect(await alice.comeBack()).toMatchObject({ outcome: ResumeOutcome.ROLLED_BACK });
    expect(alice.losses[0]).toMatchObject({ code: 'WORKER_CRASHED' });
    alice.recount();
    await goesOn(alice);
  });

  test('take up what one has sealed that ends, exactly', async () => {
    await first.stop();
    first = await workers.start({ panel: stays() });
    const alice = await attached(first);
    const second = await workers.start({ panel: stays() });
    await receiptOfDrain(startDrain(first.gate));
    await workers.lead(second);
    // It may be called off still.
    await expect(alice.comeBack()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    await first.stop();
    expect(await alice.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await goesOn(alice);
  });

  test('judge what nobody has as it is when its client comes, not as it was when they first saw it', async () => {
    const alice = await attached(first);
    const [second, third] = [await workers.start(), await workers.start()];
    await first.crash();
    await waitFor('both have found it', async () => (await listed(second)).length + (await listed(third)).length === 2);
    await workers.lead(second);
    await alice.over();
    await alice.comeBack();
    alice.recount();
    await goesOn(alice);
    await receiptOfDrain(startDrain(second.gate));
    await second.stop();
    await workers.lead(third);
    expect(await alice.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await goesOn(alice);
  });

  test('say that another one has a session also while they drain', async () => {
    const alice = await attached(first);
    const second = await workers.start();
    await receiptOfDrain(startDrain(second.gate));
    await workers.lead(second);
    await alice.over();
    await expect(alice.comeBack()).rejects.toMatchObject({ message: expect.stringContaining('Another worker') });
  });

  test('never both go on with a session, when one that was taken for dead thaws what another one is restoring', async () => {
    const [held, go] = [createLatch(), createLatch()];
    let closed = 0;
    await first.stop();
    first = await workers.start({ panel: stays() });
    const echo = stays();
    const panel: PanelDefinition = {
      ...echo,
      restore: async (context, state) => {
        const session = await echo.restore?.(context, state);
        if (session === undefined) throw new Error('The panel cannot come back.');
        const close = (): Promise<void> => {
          closed++;
          return session.close();
        };
        return withMethods(session, { close });
      },
    };
    const second = await workers.start({ panel }, (real) => ({
      ...real,
      rename: async (from, to) => {
        if (from.endsWith('checkpoint.sealed')) {
          held.resolve();
          await go.promise;
        }
        await real.rename(from, to);
      },
    }));
    const alice = await attached(first);
    await receiptOfDrain(startDrain(first.gate));
    first.instance.kill();
    await workers.lead(second);
    const coming = alice.comeBack();
    await held.promise;
    await uncordon(first.gate);
    await waitFor('it goes on', async () => (await statusOfGate(first.gate)).state === State.SERVING);
    await waitFor('its checkpoint is used', async () => !(await files(alice.sessionId)).includes('checkpoint.sealed'));
    go.resolve();
    await expect(coming).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    expect([closed, second.worker.gate.unsafe(), first.worker.gate.unsafe()]).toEqual([1, 0, 1]);
    await workers.lead(first);
    expect(await alice.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await goesOn(alice);
  });

  test('one that finds its checkpoint used ends the session here only: no tombstone, nothing removed', async () => {
    await first.stop();
    first = await workers.start({ panel: stays() });
    const alice = await attached(first);
    const second = await workers.start({ panel: stays() });
    await receiptOfDrain(startDrain(first.gate));
    first.instance.kill();
    await workers.lead(second);
    await alice.comeBack();
    const before = await files(alice.sessionId);
    await uncordon(first.gate);
    await waitFor('it has noticed', async () => !(await listed(first)).includes(alice.sessionId));
    expect(await files(alice.sessionId)).toEqual(before);
    await goesOn(alice);
    // Asked again, it does not say that the session has ended.
    await workers.lead(first);
    await alice.over();
    await expect(alice.comeBack()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
  });

  test.each([
    ['its directory is there', (path: string) => path.endsWith('/incarnations')],
    ['its claim is there', (path: string) => path.endsWith('record.json.tmp')],
  ])('one that starts leaves a session alone that another one is just opening: %s', async (_when, isHeld) => {
    const held = createLatch();
    const go = createLatch();
    const wait = async (path: string): Promise<void> => {
      if (!isHeld(path)) return;
      held.resolve();
      await go.promise;
    };
    const slow = await workers.start({}, (real: FileSystem) => ({
      ...real,
      mkdir: (path, mode) => wait(path).then(() => real.mkdir(path, mode)),
      create: (path, mode) => wait(path).then(() => real.create(path, mode)),
    }));
    await workers.lead(slow);
    const alice = client();
    const opening = alice.attach();
    await held.promise;
    await workers.start();
    await first.crash();
    expect(await files(alice.sessionId)).toBeDefined();
    go.resolve();
    expect(await opening).toMatchObject({ outcome: ResumeOutcome.NEW });
    await goesOn(alice);
    expect(await files(alice.sessionId)).toContain('record.json');
  });

  test('bury nothing that lives where a crash ends sessions, and say so only after the crash', async () => {
    const panel = endsPanel();
    await first.stop();
    first = await workers.start({ panel });
    const second = await workers.start({ panel });
    const alice = await attached(first);
    await workers.lead(second);
    await alice.over();
    await expect(alice.comeBack()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    expect(await files(alice.sessionId)).toContain('record.json');
    await first.crash();
    await expect(alice.comeBack()).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    await waitFor('it is removed', async () => (await files(alice.sessionId)).length === 0);
  });

  test('expire only what they have, and the newest one what nobody has', async () => {
    const watch = (worker: SharedWorker): void => {
      const call = worker.control.watch(WatchRequest.fromPartial({ agentInstance: 'agent' }));
      call.on('error', () => undefined);
      call.on('data', () => undefined);
    };
    const [kept, left] = [await attached(first), await attached(first, 'bob')];
    for (const one of [kept, left]) await one.cut();
    const short = await workers.start({ detachTtlMs: 60 });
    watch(short);
    const other = await attached(short);
    await other.cut();
    await waitFor('its own is expired', async () => (await files(other.sessionId)).length === 0);
    expect(await files(kept.sessionId)).toContain('record.json');
    // One that came later has this to do, and keeps them for longer.
    const newest = await workers.start();
    watch(newest);
    await first.crash();
    const another = await attached(short);
    await another.cut();
    await waitFor('its own is expired again', async () => (await files(another.sessionId)).length === 0);
    expect(await files(left.sessionId)).toContain('record.json');
    await newest.crash();
    await waitFor('they are expired', async () => (await files(left.sessionId)).length === 0);
  });

  test('end nothing on storage that another one has taken since they looked', async () => {
    const alice = await attached(first);
    const [second, third] = [await workers.start(), await workers.start()];
    await first.crash();
    await waitFor('both have found it', async () => (await listed(second)).length + (await listed(third)).length === 2);
    await workers.lead(second);
    await alice.over();
    await alice.comeBack();
    alice.recount();
    await expect(end(third, alice.sessionId)).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    expect(await listed(third)).toEqual([]);
    await goesOn(alice);
  });

  test('restore a session once, however many clients come to however many workers at the same time', async () => {
    const alice = await attached(first);
    const others = [await workers.start(), await workers.start(), await workers.start()];
    await receiptOfDrain(startDrain(first.gate));
    await first.stop();
    const { sessionId } = alice;
    const { resumeToken } = alice.link;
    const come = async ({ socket }: SharedWorker): Promise<boolean> => {
      const { outcome } = await client({ socket, sessionId, resumeToken, takeover: true }).attach();
      expect(outcome).toBe(ResumeOutcome.EXACT);
      return true;
    };
    const came = (await Promise.allSettled(others.map(come))).filter(({ status }) => status === 'fulfilled').length;
    const having = (): number => others.reduce((sum, { worker }) => sum + worker.gate.unsafe(), 0);
    expect([came, having()]).toEqual([having(), came]);
    expect(came).toBeLessThanOrEqual(1);
    if (came === 0) await Promise.any(others.map(come));
    expect(having()).toBe(1);
  });
});
