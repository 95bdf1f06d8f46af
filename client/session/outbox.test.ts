import { describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { Channel, type Frames } from '#proto/session/v1/session.js';
import { createEndpoint } from '#session/endpoint/create-endpoint.js';
import type { Endpoint } from '#session/endpoint/endpoint.js';
import { Outbox } from './outbox.js';

const data = (size: number): { kind: 'data'; channel: Channel; bytes: Uint8Array } => ({
  kind: 'data',
  channel: Channel.STDIN,
  bytes: new Uint8Array(size),
});

async function settled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  await Promise.resolve();
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

/** A peer that takes everything. */
function drain(endpoint: Endpoint): void {
  const ack = endpoint.cursors.txNext - 1;
  const message: Frames = { ack, credit: 1e9, frames: [] };
  while (endpoint.pull(false) !== undefined);
  endpoint.receive(message);
  while (endpoint.pull(false) !== undefined);
  endpoint.receive({ ...message, ack: endpoint.cursors.txNext - 1 });
}

describe('an outbox', () => {
  test('resolves a write once all of it is in the replay buffer, and keeps the order', async () => {
    const outbox = new Outbox();
    const endpoint = createEndpoint();
    endpoint.attach(1);
    endpoint.receive({ ack: 0, credit: 1e9, frames: [] });
    const first = outbox.add(data(600 * 1024));
    const second = outbox.add(data(10));
    const end = outbox.add({ kind: 'fin' });
    outbox.pump(endpoint);
    expect(await settled(first)).toBe(false);
    drain(endpoint);
    outbox.pump(endpoint);
    expect(await settled(first)).toBe(true);
    expect(await settled(second)).toBe(true);
    expect(await settled(end)).toBe(true);
    expect(outbox.empty).toBe(true);
    expect(outbox.bytesOut).toBe(600 * 1024 + 10);
  });

  test('merges resizes that wait', async () => {
    const outbox = new Outbox();
    const endpoint = createEndpoint();
    const resize = (rows: number): Promise<void> =>
      outbox.add({ kind: 'event', event: { kind: { $case: 'resize', value: { rows, cols: 80 } } } });
    const all = [resize(1), resize(2), resize(3)];
    outbox.pump(endpoint);
    await Promise.all(all);
    expect(endpoint.unackedCount()).toBe(1);
  });

  test('holds events back while too many are on their way', async () => {
    const outbox = new Outbox();
    const endpoint = createEndpoint();
    const events = Array.from({ length: 70 }, () =>
      outbox.add({ kind: 'event', event: { kind: { $case: 'signal', value: { name: 'SIGINT' } } } }),
    );
    outbox.pump(endpoint);
    expect(endpoint.unackedCount()).toBe(64);
    expect(await settled(events[63] ?? Promise.reject(new Error()))).toBe(true);
    expect(await settled(events[64] ?? Promise.reject(new Error()))).toBe(false);
  });

  test('drops a write of which a part was numbered in a life that is gone, and no other', async () => {
    const outbox = new Outbox();
    const first = outbox.add(data(2 * 1024 * 1024));
    const second = outbox.add(data(10));
    outbox.pump(createEndpoint());
    outbox.dropPartial(new PaneletError('SESSION_LOST', 'gone'));
    await expect(first).rejects.toMatchObject({ code: 'SESSION_LOST' });
    outbox.pump(createEndpoint());
    await second;
  });

  test('rejects what waits and what comes once closed, and what follows the end', async () => {
    const outbox = new Outbox();
    const endpoint = createEndpoint();
    await Promise.all([outbox.add({ kind: 'fin' }), Promise.resolve(outbox.pump(endpoint))]);
    const late = outbox.add(data(1));
    outbox.pump(endpoint);
    await expect(late).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
    const waiting = outbox.add(data(1));
    outbox.close(new PaneletError('SESSION_ENDED', 'over'));
    await expect(waiting).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    await expect(outbox.add(data(1))).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });
});
