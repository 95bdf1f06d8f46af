import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { once } from 'node:events';
import { msToDuration } from '#common/time/duration.js';
import type { Move } from '#proto/session/v1/session.js';
import { HandoffRequest, WatchRequest, type HandoffResponse } from '#proto/worker/v1/worker.js';
import type { ClientEffect } from '#session/client/client-link.js';
import { ask } from '#test/support/gate-calls.js';
import { MovingClient } from '#test/support/moving-client.js';
import { startRunningWorker, type RunningWorker } from '#test/support/running-worker.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(60_000);

describe('a client with two attachments at a worker', () => {
  let running: RunningWorker;
  let client: MovingClient;

  beforeEach(async () => {
    running = await startRunningWorker();
    client = new MovingClient(running.socket);
  });
  afterEach(async () => {
    client.close();
    await running.stop();
  });

  test('writes on while it moves, again and again, and loses nothing', async () => {
    let over = client.attach(false);
    await waitFor('the first Welcome', () => client.link.attached);
    for (let round = 1; round <= 10; round += 1) {
      const { attachedAs } = client.link;
      const next = client.attach(true);
      for (let part = 0; part < 50; part += 1) client.write(`${round}.${part} `);
      await waitFor('the next Welcome', () => client.link.attachedAs !== attachedAs);
      client.write(`moved ${round} `);
      // Its own next attachment has taken over: nothing follows.
      expect(await over.promise).toBeUndefined();
      over = next;
    }
    await waitFor('everything is back', () => client.received.length >= client.written.length);
    expect(client.received).toBe(client.written);
    const told = client.effects.filter(({ kind }) => kind !== 'detach');
    expect(told.map((effect) => effect.kind === 'welcomed' && effect.moved)).toEqual([
      false,
      ...Array<boolean>(10).fill(true),
    ]);
  });

  test('keeps the one before until it has confirmed the next one', async () => {
    const over = client.attach(false);
    await waitFor('the first Welcome', () => client.link.attached);
    const { attachedAs } = client.link;
    client.speaks = false;
    const next = client.attach(true);
    await waitFor('the next Welcome', () => client.link.attachedAs !== attachedAs);
    expect(client.told).toEqual([]);
    client.speaks = true;
    client.write('confirmed');
    expect(await over.promise).toBeUndefined();
    expect(client.told).toEqual(['detach']);
    expect(next.settled).toBe(false);
  });

  test('may write on over the one before until the Welcome has come', async () => {
    const over = client.attach(false);
    await waitFor('the first Welcome', () => client.link.attached);
    client.hears = false;
    client.attach(true);
    await waitFor('the Welcome is on its way', () => client.kept.length > 0);
    client.write('over the one before, ');
    await client.arrived();
    client.hears = true;
    for (const hear of client.kept.splice(0)) hear();
    client.write('over the next one');
    await over.promise;
    expect(client.told).toEqual(['detach']);
    await waitFor('everything is back', () => client.received === client.written);
  });
});

describe('an agent that goes', () => {
  const address = '10.0.0.7:7443';
  let running: RunningWorker;
  const clients: MovingClient[] = [];
  const watches: { cancel(): void }[] = [];
  const attached = async (agent: string, takesMoves = true): Promise<MovingClient> => {
    const client = new MovingClient(running.socket, takesMoves);
    clients.push(client);
    client.attach(false, { agent });
    await waitFor('the Welcome', () => client.link.attached);
    return client;
  };
  /** An agent watches the worker. */
  const watch = async (agentInstance: string): Promise<void> => {
    const request = WatchRequest.fromPartial({ agentInstance, pod: `pod-${agentInstance}`, podUid: 'u', address });
    const call = running.control.watch(request);
    watches.push(call);
    call.on('error', () => undefined);
    await once(call, 'data');
    call.resume();
  };
  const handoff = (agentInstance: string, withinMs?: number): Promise<HandoffResponse> => {
    const within = withinMs === undefined ? {} : { within: msToDuration(withinMs) };
    const request = HandoffRequest.fromPartial({ reason: 'it goes', agentInstance, ...within });
    return ask((done) => running.control.handoff(request, done));
  };
  const wished = async (client: MovingClient): Promise<Move> => {
    const find = (): ClientEffect | undefined => client.effects.find(({ kind }) => kind === 'move');
    await waitFor('the wish', () => find() !== undefined);
    const effect = find();
    if (effect?.kind !== 'move') throw new Error('There is no wish.');
    return effect.move;
  };

  beforeEach(async () => {
    running = await startRunningWorker();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const call of watches.splice(0)) call.cancel();
    await running.stop();
  });

  test('is left by the clients that can move, once they are at the other one, and nobody else’s', async () => {
    await watch('a');
    await watch('b');
    const [moving, other, released] = [await attached('a'), await attached('b'), await attached('a', false)];
    const answer = handoff('a', 30_000);
    expect(await wished(moving)).toMatchObject({ reattach: { pod: 'pod-b', uid: 'u', address } });
    moving.write('on and ');
    expect(released.told).toEqual([]);
    moving.attach(true, { agent: 'b' });
    await waitFor('the next Welcome', () =>
      moving.effects.some((effect) => effect.kind === 'welcomed' && effect.moved),
    );
    moving.write('on');
    expect(await answer).toEqual({ attachments: 2, moved: 1 });
    await waitFor('it is back', () => moving.received === 'on and on');
    // A client of the first release is told as ever.
    expect(released.told).toEqual(['drain']);
    expect(moving.told).toEqual(['move', 'detach']);
    expect(other.told).toEqual([]);
  });

  test('tells those that did not follow in time to attach again', async () => {
    await watch('b');
    const staying = await attached('a');
    expect(await handoff('a', 100)).toEqual({ attachments: 1, moved: 0 });
    expect(staying.told).toEqual(['move', 'drain']);
  });

  test.each([
    ['no other one watches', ['a'], 30_000],
    ['the other one goes as well', ['a', 'b'], 30_000],
    ['it does not say how long it waits', ['a', 'c'], undefined],
  ] as const)('tells all at once where %s', async (_, agents, withinMs) => {
    for (const agent of agents) await watch(agent);
    expect(await handoff('b', 30_000)).toEqual({ attachments: 0, moved: 0 });
    const client = await attached('a');
    expect(await handoff('a', withinMs)).toEqual({ attachments: 1, moved: 0 });
    expect(client.told).toEqual(['drain']);
  });

  test('asks eight of its clients at a time', async () => {
    await watch('b');
    const all = await Promise.all(Array.from({ length: 10 }, () => attached('a')));
    const asked = (): MovingClient[] => all.filter(({ told }) => told.includes('move'));
    const answer = handoff('a', 30_000);
    await waitFor('eight are asked', () => asked().length === 8);
    const first = asked();
    const [byItself, last] = all.filter((client) => !first.includes(client));
    byItself?.attach(true, { agent: 'b' });
    await waitFor('one has gone by itself', () => byItself?.told.includes('detach') === true);
    for (const client of first) client.attach(true, { agent: 'b' });
    await waitFor('the last one is asked', () => asked().length === 9);
    last?.attach(true, { agent: 'b' });
    expect(await answer).toEqual({ attachments: 9, moved: 9 });
    expect(byItself?.told).toEqual(['detach']);
  });
});
