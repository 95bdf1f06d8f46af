import { describe, expect, test } from '@jest/globals';
import { Channel, Frames, type Event } from '#proto/session/v1/session.js';
import { createEndpoint, restoreEndpoint } from './create-endpoint.js';
import type { Endpoint } from './endpoint.js';
import { dataFrame, overTheWire, resizeFrame, tinyLimits } from '../model/wire-end.js';
import { defaultLimits } from '../codec/limits.js';

const limits = tinyLimits;

function attached(credit = 1_000_000): Endpoint {
  const endpoint = createEndpoint({ limits });
  endpoint.attach(1);
  endpoint.receive({ ack: 0, credit, frames: [] });
  return endpoint;
}

function panelEvent(name: string, sizeBytes: number): Event {
  return { kind: { $case: 'panel', value: { name, payload: Buffer.alloc(sizeBytes) } } };
}

function pullAll(endpoint: Endpoint): Frames[] {
  const messages: Frames[] = [];
  for (let message = endpoint.pull(false); message !== undefined; message = endpoint.pull(false))
    messages.push(message);
  return messages;
}

function seqsOf(messages: readonly Frames[]): number[] {
  return messages.flatMap((message) => message.frames.map((frame) => frame.seq));
}

describe('writing', () => {
  test('cuts data at the largest frame size and numbers the pieces', () => {
    const endpoint = attached();
    endpoint.writeData(Channel.STDIN, Buffer.alloc(40));
    expect(endpoint.cursors).toEqual({ nextRx: 1, txBase: 1, txNext: 4 });
    const sizes = pullAll(endpoint).flatMap(({ frames }) =>
      frames.map((frame) => (frame.kind?.$case === 'data' ? frame.kind.value.payload.length : 0)),
    );
    expect(sizes).toEqual([16, 16, 8]);
  });

  test('numbers nothing for no bytes', () => {
    const endpoint = attached();
    expect(endpoint.writeData(Channel.STDIN, new Uint8Array(0))).toBe(true);
    expect(endpoint.unackedCount()).toBe(0);
  });

  test('keeps its own copy, of exactly the size', () => {
    const endpoint = attached();
    const bytes = Buffer.from('hello');
    endpoint.writeData(Channel.STDIN, bytes);
    bytes.fill(0);
    const kind = endpoint.pull(false)?.frames[0]?.kind;
    expect(kind?.$case === 'data' && kind.value.payload.toString()).toBe('hello');
    expect(kind?.$case === 'data' && kind.value.payload.buffer.byteLength).toBe(5);
  });

  test('asks the writer to pause when the buffer is full, by bytes or by number of frames', () => {
    const byBytes = attached();
    expect(byBytes.writeData(Channel.STDIN, Buffer.alloc(10))).toBe(true);
    expect(byBytes.writeData(Channel.STDIN, Buffer.alloc(2048))).toBe(false);
    expect(byBytes.canWrite()).toBe(false);
    const byFrames = attached();
    let writes = 1;
    while (byFrames.writeData(Channel.STDIN, Buffer.alloc(1))) writes += 1;
    expect(writes).toBeLessThan(20);
    seqsOf(pullAll(byFrames));
    byFrames.receive({ ack: writes, credit: 0, frames: [] });
    expect(byFrames.canWrite()).toBe(true);
  });

  test('refuses data after a fin, numbers a fin once, and takes events', () => {
    const endpoint = attached();
    endpoint.writeFin();
    endpoint.writeFin();
    expect(endpoint.unackedCount()).toBe(1);
    expect(() => endpoint.writeData(Channel.STDIN, Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'OPERATION_REFUSED' }),
    );
    endpoint.writeEvent(panelEvent('x', 1));
    const other = attached();
    other.receive(endpoint.pull(true)!);
    expect([other.read()?.kind, other.read()?.kind]).toEqual(['fin', 'event']);
    expect(other.totals.finReceived).toBe(true);
  });

  test('refuses an event that is too large, of no kind, or one too many', () => {
    const endpoint = attached();
    expect(() => endpoint.writeEvent(panelEvent('x', 9))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    expect(() => endpoint.writeEvent(panelEvent('x'.repeat(300), 1))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    expect(() => endpoint.writeEvent({ kind: undefined })).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }));
    for (let count = 0; count < limits.maxUnackedEvents; count += 1) endpoint.writeEvent(panelEvent('x', 8));
    expect(() => endpoint.writeEvent(panelEvent('x', 1))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});

describe('sending', () => {
  test('puts what is queued into messages of about the size aimed at', () => {
    const endpoint = createEndpoint();
    endpoint.attach(1);
    endpoint.receive({ ack: 0, credit: 10_000_000, frames: [] });
    for (let count = 0; count < 1000; count += 1) endpoint.writeData(Channel.STDOUT, Buffer.alloc(100));
    const messages = pullAll(endpoint);
    expect(seqsOf(messages)).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    for (const message of messages) {
      expect(Frames.encode(message).finish().length).toBeLessThanOrEqual(defaultLimits.coalesceBytes);
    }
    expect(messages.length).toBe(4);
  });

  test('sends a frame larger than that alone, within the largest message', () => {
    const endpoint = createEndpoint();
    endpoint.attach(1);
    endpoint.receive({ ack: 0, credit: 10_000_000, frames: [] });
    endpoint.writeData(Channel.STDOUT, Buffer.alloc(200_000));
    for (const message of pullAll(endpoint)) {
      expect(message.frames.length).toBe(1);
      expect(Frames.encode(message).finish().length).toBeLessThanOrEqual(defaultLimits.maxMessageBytes);
    }
  });

  test('holds data beyond the credit and what follows it, while an event in front needs none', () => {
    const endpoint = attached(5);
    endpoint.writeEvent(panelEvent('a', 1));
    endpoint.writeData(Channel.STDIN, Buffer.from('12345'));
    endpoint.writeEvent(panelEvent('b', 1));
    endpoint.writeData(Channel.STDIN, Buffer.from('6'));
    endpoint.writeEvent(panelEvent('c', 1));
    expect(seqsOf(pullAll(endpoint))).toEqual([1, 2, 3]);
    endpoint.receive({ ack: 0, credit: 6, frames: [] });
    expect(seqsOf(pullAll(endpoint))).toEqual([4, 5]);
  });

  test('sends nothing while detached and repeats from what the peer expects', () => {
    const endpoint = attached();
    for (const text of ['a', 'b', 'c']) endpoint.writeData(Channel.STDIN, Buffer.from(text));
    pullAll(endpoint);
    endpoint.detach();
    expect(endpoint.pull(true)).toBeUndefined();
    expect(endpoint.ackUrgency()).toBe('none');
    endpoint.attach(2);
    expect(seqsOf(pullAll(endpoint))).toEqual([2, 3]);
    expect(endpoint.unackedCount()).toBe(3);
  });

  test('refuses a peer that expects what is gone or was never written', () => {
    const endpoint = attached();
    endpoint.writeData(Channel.STDIN, Buffer.from('a'));
    pullAll(endpoint);
    endpoint.receive({ ack: 1, credit: 0, frames: [] });
    expect(() => endpoint.attach(1)).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }));
    expect(() => endpoint.attach(3)).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }));
  });

  test('goes on after what is acknowledged while it repeats', () => {
    const endpoint = attached();
    for (const text of ['a', 'b', 'c']) endpoint.writeData(Channel.STDIN, Buffer.from(text));
    pullAll(endpoint);
    endpoint.attach(1);
    endpoint.receive({ ack: 2, credit: 0, frames: [] });
    expect(seqsOf(pullAll(endpoint))).toEqual([3]);
  });
});

describe('acknowledging', () => {
  test('is due at once on a new attachment, soon after a little input, at once after a quarter window', () => {
    const endpoint = attached();
    expect(endpoint.ackUrgency()).toBe('now');
    expect(endpoint.pull(true)).toEqual({ ack: 0, credit: 64, frames: [] });
    expect(endpoint.ackUrgency()).toBe('none');
    endpoint.receive({ ack: 0, credit: 0, frames: [dataFrame(1, Channel.STDIN, 'abc')] });
    expect(endpoint.ackUrgency()).toBe('soon');
    expect(endpoint.pull(false)).toBeUndefined();
    endpoint.receive({ ack: 0, credit: 0, frames: [dataFrame(2, Channel.STDIN, '0123456789abc')] });
    expect(endpoint.ackUrgency()).toBe('now');
    expect(endpoint.pull(true)).toEqual({ ack: 2, credit: 64, frames: [] });
    expect(endpoint.pull(true)).toBeUndefined();
  });

  test('gives credit for what was consumed only, and none while frozen', () => {
    const endpoint = attached();
    endpoint.pull(true);
    endpoint.receive({ ack: 0, credit: 0, frames: [dataFrame(1, Channel.STDIN, '0123456789abcdef')] });
    expect(endpoint.pull(true)?.credit).toBe(64);
    endpoint.read();
    endpoint.freeze();
    expect(endpoint.ackUrgency()).toBe('none');
    endpoint.thaw();
    expect(endpoint.ackUrgency()).toBe('now');
    expect(endpoint.pull(true)?.credit).toBe(80);
  });

  test('is due at once for a fin and when frozen', () => {
    const ended = attached();
    ended.pull(true);
    ended.receive({ ack: 0, credit: 0, frames: [{ seq: 1, kind: { $case: 'fin', value: {} } }] });
    expect(ended.ackUrgency()).toBe('now');
    const frozen = attached();
    frozen.pull(true);
    frozen.receive({ ack: 0, credit: 0, frames: [dataFrame(1, Channel.STDIN, 'a')] });
    frozen.freeze();
    expect(frozen.ackUrgency()).toBe('now');
  });

  test('stops before an event that is not consumed, which bounds the events that wait', () => {
    const endpoint = attached();
    endpoint.receive({
      ack: 0,
      credit: 0,
      frames: [resizeFrame(1, 1), resizeFrame(2, 2)],
    });
    expect(endpoint.pull(true)?.ack).toBe(0);
    endpoint.read();
    expect(endpoint.pull(true)?.ack).toBe(1);
    endpoint.read();
    expect(endpoint.pull(true)?.ack).toBe(2);
  });

  test('rides on frames that are not numbered, detached as well', () => {
    const endpoint = createEndpoint({ limits });
    const hello = endpoint.wrap([{ seq: 0, kind: { $case: 'ping', value: { nonce: 1 } } }]);
    expect(hello).toMatchObject({ ack: 0, credit: 64 });
  });
});

describe('receiving', () => {
  test.each([
    ['a gap', [dataFrame(2, Channel.STDIN, 'x')], 'FRAME_INVALID'],
    [
      'a number where none belongs',
      [{ seq: 1, kind: { $case: 'ping' as const, value: { nonce: 1 } } }],
      'FRAME_INVALID',
    ],
    [
      'more than the credit',
      Array.from({ length: 5 }, (_, i) => dataFrame(i + 1, Channel.STDIN, Buffer.alloc(16))),
      'CREDIT_EXCEEDED',
    ],
    ['too many events', Array.from({ length: 9 }, (_, i) => resizeFrame(i + 1, 1)), 'LIMIT_EXCEEDED'],
    [
      'a message beyond the limit',
      Array.from({ length: 11 }, () => dataFrame(1, Channel.STDIN, Buffer.alloc(16))),
      'LIMIT_EXCEEDED',
    ],
    [
      'data after a fin',
      [{ seq: 1, kind: { $case: 'fin' as const, value: {} } }, dataFrame(2, Channel.STDIN, 'x')],
      'FRAME_INVALID',
    ],
    ['a second fin', [1, 2].map((seq) => ({ seq, kind: { $case: 'fin' as const, value: {} } })), 'FRAME_INVALID'],
    [
      'data after a fin and an event',
      [{ seq: 1, kind: { $case: 'fin' as const, value: {} } }, resizeFrame(2, 1), dataFrame(3, Channel.STDIN, 'x')],
      'FRAME_INVALID',
    ],
  ])('refuses %s and stays as it was', (_, frames, code) => {
    const endpoint = attached();
    endpoint.pull(true);
    const before = endpoint.save();
    expect(() => endpoint.receive({ ack: 0, credit: 0, frames })).toThrow(expect.objectContaining({ code }));
    expect(endpoint.save()).toEqual(before);
    expect(endpoint.duplicates).toBe(0);
  });

  test('refuses an acknowledgement of what was written and not sent', () => {
    const endpoint = attached(0);
    endpoint.writeData(Channel.STDIN, Buffer.from('abc'));
    expect(() => endpoint.receive({ ack: 1, credit: 0, frames: [] })).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    );
  });

  test('ignores frames of an unknown kind that are not numbered, and hands over the others', () => {
    const endpoint = attached();
    const ping = { seq: 0, kind: { $case: 'ping' as const, value: { nonce: 1 } } };
    expect(endpoint.receive({ ack: 0, credit: 0, frames: [{ seq: 0, kind: undefined }, ping] })).toEqual([ping]);
  });

  test('joins tiny frames that wait, so that a flood of them costs what its bytes cost', () => {
    const endpoint = createEndpoint();
    endpoint.attach(1);
    endpoint.pull(true);
    for (let seq = 1; seq <= 5000; seq += 1) {
      endpoint.receive(
        overTheWire({ ack: 0, credit: 0, frames: [dataFrame(seq, Channel.STDIN, Buffer.from([seq % 256]))] }),
      );
    }
    expect(endpoint.unreadCount()).toBeLessThan(5);
    const restored = restoreEndpoint(endpoint.save());
    for (const one of [endpoint, restored]) {
      const bytes: number[] = [];
      for (let item = one.read(); item !== undefined; item = one.read()) {
        if (item.kind === 'data') bytes.push(...item.payload);
      }
      expect(bytes).toEqual(Array.from({ length: 5000 }, (_, index) => (index + 1) % 256));
    }
  });

  test('does not join across channels or events', () => {
    const endpoint = attached();
    endpoint.pull(true);
    const frames = [
      dataFrame(1, Channel.STDIN, 'a'),
      dataFrame(2, Channel.CONTROL, 'b'),
      resizeFrame(3, 1),
      dataFrame(4, Channel.CONTROL, 'c'),
    ];
    for (const frame of frames) endpoint.receive({ ack: 0, credit: 0, frames: [frame] });
    expect(endpoint.unreadCount()).toBe(4);
    expect([endpoint.read(), endpoint.read(), endpoint.read(), endpoint.read()].map((item) => item?.seq)).toEqual([
      1, 2, 3, 4,
    ]);
  });

  test('skips what a snapshot covers and drops what waited below it', () => {
    const endpoint = attached();
    endpoint.pull(true);
    endpoint.receive({ ack: 0, credit: 0, frames: [dataFrame(1, Channel.STDOUT, 'old')] });
    endpoint.skipInput(11, 500);
    expect(endpoint.read()).toBeUndefined();
    expect(endpoint.pull(true)).toEqual({ ack: 10, credit: 564, frames: [] });
    endpoint.receive({ ack: 0, credit: 0, frames: [dataFrame(11, Channel.STDOUT, 'new')] });
    endpoint.skipInput(5, 100);
    expect(endpoint.read()).toMatchObject({ seq: 11 });
  });
});
