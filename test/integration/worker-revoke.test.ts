import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { State } from '#proto/gate/v1/gate.js';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import type { RevokeResponse } from '#proto/worker/v1/worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { ask, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { LinkClient, type LinkClientOptions } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';

jest.setTimeout(60_000);

describe('a right that ends', () => {
  let dir: string;
  let running: RunningWorker;
  let starting: () => Promise<unknown>;
  const clients: LinkClient[] = [];
  const client = (agentName: string, options: Partial<LinkClientOptions> = {}): LinkClient => {
    const made = new LinkClient({ socket: running.socket, agentName, ...options });
    clients.push(made);
    return made;
  };
  const start = async (): Promise<void> => {
    const echo = createEchoPanel();
    const panel = {
      ...echo,
      open: async (context: Parameters<typeof echo.open>[0]) => {
        await starting();
        return echo.open(context);
      },
    };
    running = await startRunningWorker({ dir, panel });
  };
  const revoke = async (attachment: string): Promise<string> => {
    try {
      await ask<RevokeResponse>((done) => running.control.revoke({ attachment, message: 'Not any more.' }, done));
      return 'told';
    } catch (error) {
      return PaneletError.from(error).code;
    }
  };
  const echoesExactly = async (one: LinkClient): Promise<void> => {
    one.write(randomBytes(10_000));
    await one.echoed();
    expect(one.isExact).toBe(true);
  };
  const ended = { kind: 'failed', code: 'IDENTITY_REFUSED', message: 'Not any more.' };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    starting = () => Promise.resolve();
    await start();
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await running.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('while a session is opened refuses that one, which may be attached to when the right is back', async () => {
    const bob = client('bobs', { identity: 'bob' });
    await bob.attach();
    const [held, go] = [createLatch(), createLatch()];
    starting = () => {
      held.resolve();
      return go.promise;
    };
    const alice = client('first');
    const refused = alice.attach().catch((error: unknown) => error);
    await held.promise;
    expect([await revoke('first'), await refused]).toEqual(['told', expect.objectContaining({ code: ended.code })]);
    go.resolve();
    await waitFor('the session is there', () => running.worker.gate.status().sessions === 2);
    await waitFor('nothing is being opened', () => running.worker.gate.unsafe() === 2);
    await alice.attach();
    await echoesExactly(alice);
    await echoesExactly(bob);
  });

  test('in a takeover ends what it names and not the one that took over', async () => {
    const alice = client('first');
    await alice.attach();
    const { resumeToken } = alice.link;
    const next = client('second', { sessionId: alice.sessionId, takeover: true, resumeToken });
    await next.attach();
    const outcomes = await Promise.all([revoke('first'), revoke('first'), revoke('nobody')]);
    for (const outcome of outcomes) expect(['told', 'SESSION_UNKNOWN']).toContain(outcome);
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'superseded' });
    await echoesExactly(next);
    expect(await revoke('second')).toBe('told');
    await next.over();
    expect(next.next).toEqual(ended);
  });

  test('told twice ends it once, with the first reason and everything before it', async () => {
    const alice = client('first');
    await alice.attach();
    alice.write(randomBytes(300_000));
    const outcomes = await Promise.all([revoke('first'), revoke('first')]);
    expect(outcomes[0]).toBe('told');
    await alice.over();
    expect(alice.next).toEqual(ended);
    await alice.attach();
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });

  test.each([State.FROZEN, State.CHECKPOINTED, State.RELEASED])(
    'in a drain (state %i) costs nobody a byte: the session is sealed and comes back exactly',
    async (state) => {
      const [alice, bob] = [client('first'), client('bobs', { identity: 'bob' })];
      for (const one of [alice, bob]) {
        await one.attach();
        one.write(randomBytes(50_000));
      }
      const drain = startDrain(running.gate);
      await waitFor('the drain has come so far', () => drain.states.some((told) => told >= state));
      expect(['told', 'SESSION_UNKNOWN']).toContain(await revoke('first'));
      expect((await receiptOfDrain(drain)).counts).toMatchObject({ checkpointed: 2, forced: 0 });
      await running.stop();
      await start();
      for (const one of [alice, bob]) {
        await one.over();
        expect(await one.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
        await one.echoed();
        expect(one.isExact).toBe(true);
      }
    },
  );

  test('of one whose client takes nothing ends for that one, and nobody waits for it', async () => {
    const [alice, bob] = [client('first'), client('bobs', { identity: 'bob' })];
    await alice.attach();
    await bob.attach();
    alice.call?.pause();
    alice.write(randomBytes(200_000));
    await echoesExactly(bob);
    expect(await revoke('first')).toBe('told');
    await echoesExactly(bob);
    await waitFor('both sessions are kept', () => running.worker.gate.status().sessions === 2);
    alice.call?.resume();
    await alice.over();
    expect(['failed', 'reattach']).toContain(alice.next?.kind);
  });
});
