import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isPaneletError } from '#common/errors/errors.js';
import { Channel, type Frames } from '#proto/session/v1/session.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { createEndpoint, restoreEndpoint } from './create-endpoint.js';
import { decodeState, encodeState } from './endpoint-codec.js';
import type { Endpoint } from './endpoint.js';
import { dataFrame, meaningOf, overTheWire, resizeFrame, tinyLimits, writeCounting } from '../model/wire-end.js';

const limits = tinyLimits;
const largestWriteBytes = 40;

/** One end with what its owner wrote and read. */
interface End {
  endpoint: Endpoint;
  readonly wrote: number[];
  readonly read: number[];
  bytesWritten: number;
  eventsWritten: number;
  duplicates: number;
  readonly inbox: Frames[];
  lastAck: number;
  lastCredit: number;
}

type Op =
  | { readonly op: 'write'; readonly end: 0 | 1; readonly channel: Channel; readonly sizeBytes: number }
  | { readonly op: 'event' | 'freeze' | 'thaw'; readonly end: 0 | 1 }
  | { readonly op: 'pull'; readonly end: 0 | 1; readonly ackNow: boolean }
  | { readonly op: 'deliver' | 'read'; readonly end: 0 | 1; readonly count: number }
  | { readonly op: 'cut'; readonly back: number }
  | { readonly op: 'restore'; readonly end: 0 | 1 }
  | { readonly op: 'attack'; readonly end: 0 | 1; readonly kind: number };

const end = fc.constantFrom<0 | 1>(0, 1);
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant<'write'>('write'),
      end,
      channel: fc.constantFrom(Channel.STDIN, Channel.STDOUT),
      sizeBytes: fc.nat(largestWriteBytes),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom<'event' | 'freeze' | 'thaw'>('event', 'event', 'freeze', 'thaw'), end }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant<'pull'>('pull'), end, ackNow: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constantFrom<'deliver' | 'read'>('deliver', 'read'),
      end,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant<'cut'>('cut'), back: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant<'restore'>('restore'), end }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant<'attack'>('attack'), end, kind: fc.nat(7) }) },
);

function createEnds(): [End, End] {
  const make = (): End => ({
    endpoint: createEndpoint({ limits }),
    wrote: [],
    read: [],
    bytesWritten: 0,
    eventsWritten: 0,
    duplicates: 0,
    inbox: [],
    lastAck: 0,
    lastCredit: 0,
  });
  return [make(), make()];
}

function other(ends: readonly [End, End], of: End): End {
  return of === ends[0] ? ends[1] : ends[0];
}

/** A new connection; retransmission may begin up to `back` frames before what the peer expects. */
function reconnect(ends: readonly [End, End], back: number): void {
  for (const one of ends) {
    one.endpoint.detach();
    one.inbox.length = 0;
  }
  for (const one of ends) {
    const peerNextRx = other(ends, one).endpoint.cursors.nextRx;
    one.endpoint.attach(Math.max(one.endpoint.cursors.txBase, peerNextRx - back));
  }
}

function pull(ends: readonly [End, End], from: End, ackNow: boolean): boolean {
  const message = from.endpoint.pull(ackNow);
  if (message === undefined) return false;
  expect(message.ack).toBeGreaterThanOrEqual(from.lastAck);
  expect(message.credit).toBeGreaterThanOrEqual(from.lastCredit);
  from.lastAck = message.ack;
  from.lastCredit = message.credit;
  other(ends, from).inbox.push(overTheWire(message));
  return true;
}

function read(from: End): boolean {
  const item = from.endpoint.read();
  if (item === undefined) return false;
  from.read.push(...meaningOf(item));
  return true;
}

function deliver(to: End): boolean {
  const message = to.inbox.shift();
  if (message === undefined) return false;
  const before = to.endpoint.cursors;
  to.endpoint.receive(message);
  const after = to.endpoint.cursors;
  expect(after.nextRx).toBeGreaterThanOrEqual(before.nextRx);
  expect(after.txBase).toBeGreaterThanOrEqual(before.txBase);
  return true;
}

/** A message that must be refused, and change nothing. */
function attack(on: End, kind: number): void {
  const { nextRx, txNext } = on.endpoint.cursors;
  const good = [resizeFrame(nextRx, 7)];
  const bad = [
    { ack: txNext, credit: 0, frames: good },
    { ack: 0, credit: 0, frames: [...good, resizeFrame(nextRx + 2, 1)] },
    { ack: 0, credit: 0, frames: [...good, dataFrame(nextRx + 1, Channel.STDIN, Buffer.alloc(17))] },
    { ack: 0, credit: 0, frames: [...good, dataFrame(nextRx + 1, Channel.STDIN, '')] },
    { ack: 0, credit: 0, frames: [...good, dataFrame(nextRx + 1, Channel.UNSPECIFIED, 'x')] },
    { ack: 0, credit: 0, frames: [...good, { seq: nextRx + 1, kind: undefined }] },
    { ack: 0, credit: 0, frames: [...good, dataFrame(0, Channel.STDIN, 'x')] },
    {
      ack: 0,
      credit: 0,
      frames: Array.from({ length: 20 }, (_, index) => dataFrame(nextRx + index, Channel.STDIN, Buffer.alloc(16))),
    },
  ][kind]!;
  const before = on.endpoint.save();
  let refusal: unknown;
  try {
    on.endpoint.receive(bad);
  } catch (error) {
    refusal = error;
  }
  expect(isPaneletError(refusal)).toBe(true);
  expect(on.endpoint.save()).toEqual(before);
}

function apply(ends: readonly [End, End], step: Op): void {
  const one = ends['end' in step ? step.end : 0];
  switch (step.op) {
    case 'write':
      if (!one.endpoint.canWrite()) return;
      one.wrote.push(...writeCounting(one.endpoint, step.channel, one.bytesWritten, step.sizeBytes));
      one.bytesWritten += step.sizeBytes;
      return;
    case 'event':
      try {
        const cols = one.eventsWritten + 1;
        one.endpoint.writeEvent({ kind: { $case: 'resize', value: { rows: 1, cols } } });
        one.eventsWritten = cols;
        one.wrote.push(100_000 + cols);
      } catch (error) {
        expect(isPaneletError(error, 'LIMIT_EXCEEDED')).toBe(true);
      }
      return;
    case 'freeze': {
      one.endpoint.freeze();
      return;
    }
    case 'thaw': {
      one.endpoint.thaw();
      return;
    }
    case 'pull':
      pull(ends, one, step.ackNow);
      return;
    case 'deliver':
      for (let count = 0; count < step.count; count += 1) deliver(one);
      return;
    case 'read':
      for (let count = 0; count < step.count; count += 1) read(one);
      return;
    case 'cut': {
      reconnect(ends, step.back);
      return;
    }
    case 'restore':
      one.duplicates += one.endpoint.duplicates;
      one.endpoint = restoreEndpoint(decodeState(encodeState(one.endpoint.save())), { limits });
      {
        reconnect(ends, 0);
        return;
      }
    case 'attack': {
      attack(one, step.kind);
      return;
    }
  }
}

function check(ends: readonly [End, End]): void {
  for (const one of ends) {
    const peer = other(ends, one);
    // I2: a prefix, in order, no gap, no duplicate.
    expect(one.read).toEqual(peer.wrote.slice(0, one.read.length));
    // I4: nothing trimmed before receipt.
    expect(one.endpoint.cursors.txBase).toBeLessThanOrEqual(peer.endpoint.cursors.nextRx);
    // I7: bounded.
    expect(one.endpoint.unackedBytes()).toBeLessThanOrEqual(limits.replayBytes + largestWriteBytes);
    const { receivedDataBytes } = one.endpoint.totals;
    const { consumedDataBytes, unread } = one.endpoint.save();
    expect(receivedDataBytes - consumedDataBytes).toBeLessThanOrEqual(limits.windowBytes);
    expect(unread.length).toBeLessThanOrEqual(limits.windowBytes + limits.maxUnackedEvents + 1);
  }
}

/** Lets everything that is under way arrive. */
function settle(ends: readonly [End, End]): void {
  for (const one of ends) one.endpoint.thaw();
  reconnect(ends, 0);
  for (let moved = true; moved;) {
    moved = false;
    for (const one of ends) {
      while (pull(ends, one, true)) moved = true;
      while (deliver(other(ends, one))) moved = true;
      while (read(other(ends, one))) moved = true;
    }
  }
}

describe('two endpoints', () => {
  test('carry everything once and in order, whatever is cut, repeated, restored, withheld or attacked', () => {
    fc.assert(
      fc.property(fc.array(anyOp, { minLength: 1, maxLength: 150 }), fc.boolean(), (ops, withFin) => {
        const ends = createEnds();
        reconnect(ends, 0);
        for (const step of ops) {
          apply(ends, step);
          check(ends);
        }
        if (withFin) {
          for (const one of ends) {
            one.endpoint.writeFin();
            one.wrote.push(-1);
          }
        }
        settle(ends);
        check(ends);
        for (const one of ends) {
          expect(one.read).toEqual(other(ends, one).wrote);
          expect(one.endpoint.unackedCount()).toBe(0);
          expect(one.endpoint.ackUrgency()).toBe('none');
        }
      }),
      { numRuns: isExhaustive ? 400 : 130 },
    );
  });

  test('repeat frames after a cut and drop every one that was received before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }), (sent, back) => {
        const ends = createEnds();
        const [writer, reader] = ends;
        reconnect(ends, 0);
        pull(ends, reader, true);
        deliver(writer);
        for (let index = 0; index < sent; index += 1) {
          writer.wrote.push(...writeCounting(writer.endpoint, Channel.STDIN, writer.bytesWritten, 4));
          writer.bytesWritten += 4;
          pull(ends, writer, false);
          deliver(reader);
        }
        reconnect(ends, back);
        settle(ends);
        reconnect(ends, 0);
        expect(reader.read).toEqual(writer.wrote);
        expect(reader.endpoint.duplicates).toBeLessThanOrEqual(Math.min(sent, back));
      }),
    );
  });
});
