import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { Channel, Frames } from '#proto/session/v1/session.js';
import type { AckUrgency } from '#session/endpoint/endpoint.js';
import { turn } from '#test/support/settle.js';
import { createAttachment, type SessionAttachment, type Wire } from './attachment.js';

/** A transport that takes what it is told to. */
class FakeWire implements Wire {
  readonly messages: Frames[] = [];
  readonly log: string[] = [];
  readonly #untaken: (() => void)[] = [];
  write(message: Uint8Array, taken: () => void): void {
    this.messages.push(Frames.decode(message));
    this.#untaken.push(taken);
  }
  take(): void {
    for (const taken of this.#untaken.splice(0)) taken();
  }
  end = (): void => void this.log.push('end');
  refuse = (): void => void this.log.push('refuse');
  cut = (): void => void this.log.push('cut');
  pause = (): void => void this.log.push('pause');
  resume = (): void => void this.log.push('resume');
}

describe('an attachment', () => {
  let clock: FakeClock;
  let wire: FakeWire;
  let attachment: SessionAttachment;
  let queue: Frames[];
  let urgency: AckUrgency;
  let pulls: boolean[];
  const message = (sizeBytes: number, ack = 0): Frames => ({
    ack,
    credit: 0,
    frames: [{ seq: 1, kind: { $case: 'data', value: { channel: Channel.STDOUT, payload: Buffer.alloc(sizeBytes) } } }],
  });

  beforeEach(() => {
    clock = createFakeClock();
    wire = new FakeWire();
    queue = [];
    pulls = [];
    urgency = 'none';
    attachment = createAttachment({
      agentInstance: 'an-agent',
      id: 'a',
      wire,
      clock,
      ackDelayMs: 25,
      maxPendingBytes: 1000,
      endLimitMs: 5000,
    });
    attachment.start({
      ackUrgency: () => urgency,
      pull: (_id, ackNow) => {
        pulls.push(ackNow);
        const next = queue.shift();
        if (next !== undefined) return next;
        if (ackNow && urgency !== 'none') {
          urgency = 'none';
          return { ack: 7, credit: 0, frames: [] };
        }
        return undefined;
      },
    });
  });

  test('pulls once for everything that happens in one turn of the event loop', async () => {
    queue.push(message(10));
    attachment.wake();
    attachment.wake();
    expect(wire.messages).toHaveLength(0);
    await turn();
    expect(wire.messages).toHaveLength(1);
    expect(pulls).toEqual([false, false]);
  });

  test('stops pulling when the transport does not take what it has, and goes on when it does', async () => {
    queue.push(message(600), message(600), message(600));
    attachment.wake();
    await turn();
    expect(wire.messages).toHaveLength(2);
    expect(attachment.blocked).toBe(true);
    attachment.wake();
    await turn();
    expect(wire.messages).toHaveLength(2);
    wire.take();
    await turn();
    expect(wire.messages).toHaveLength(3);
  });

  test('lets an acknowledgement wait 25 ms for something to ride on', async () => {
    urgency = 'soon';
    attachment.wake();
    await turn();
    clock.advance(24);
    expect(wire.messages).toHaveLength(0);
    clock.advance(1);
    expect(wire.messages).toMatchObject([{ ack: 7, frames: [] }]);
    expect(clock.pending()).toBe(0);
  });

  test('acknowledges at once when it is urgent, and never to somebody who takes nothing', async () => {
    urgency = 'now';
    attachment.wake();
    await turn();
    expect(wire.messages).toHaveLength(1);
    attachment.send([message(2000)]);
    urgency = 'now';
    attachment.wake();
    await turn();
    expect(wire.messages).toHaveLength(2);
  });

  test('halts: nothing is read or pulled, what is told still goes out', async () => {
    attachment.halt();
    queue.push(message(1));
    attachment.wake();
    attachment.flush();
    await turn();
    expect(wire.messages).toHaveLength(0);
    attachment.send([message(1)]);
    expect(wire.messages).toHaveLength(1);
    expect(wire.log).toEqual(['pause']);
    attachment.proceed();
    await turn();
    expect(wire.messages).toHaveLength(2);
    expect(wire.log).toEqual(['pause', 'resume']);
  });

  test('ends with OK after its last words, and is cut when the end does not come', () => {
    attachment.finish([message(1)]);
    attachment.finish([message(1)]);
    attachment.refuse(new Error('late'));
    attachment.send([message(1)]);
    expect(wire.messages).toHaveLength(1);
    expect(wire.log).toEqual(['resume', 'end']);
    clock.advance(5000);
    expect(wire.log).toEqual(['resume', 'end', 'cut']);
  });

  test('is over when its wire says so, and leaves no timer', async () => {
    attachment.finish([]);
    attachment.closed();
    await attachment.over;
    expect(clock.pending()).toBe(0);
    expect(attachment.open).toBe(false);
  });
});
