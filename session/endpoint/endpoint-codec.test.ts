import { describe, expect, test } from '@jest/globals';
import { Channel } from '#proto/session/v1/session.js';
import { createEndpoint, restoreEndpoint } from './create-endpoint.js';
import { decodeState, encodeState } from './endpoint-codec.js';
import type { EndpointState } from './endpoint.js';
import { dataFrame, resizeFrame } from '../model/wire-end.js';

const unreadable: unknown = expect.objectContaining({ code: 'CHECKPOINT_UNREADABLE' });

function busyState(): EndpointState {
  const endpoint = createEndpoint();
  endpoint.attach(1);
  endpoint.pull(true);
  endpoint.receive({ ack: 0, credit: 9, frames: [dataFrame(1, Channel.STDIN, 'in'), resizeFrame(2, 80)] });
  endpoint.writeData(Channel.STDOUT, Buffer.from('out'));
  endpoint.writeFin();
  return endpoint.save();
}

describe('the bytes of an endpoint', () => {
  test('bring back every cursor, count and queue', () => {
    const state = busyState();
    const restored = restoreEndpoint(decodeState(encodeState(state)));
    expect(restored.save()).toEqual(state);
    expect(restored.cursors).toEqual({ nextRx: 3, txBase: 1, txNext: 3 });
  });

  test('are unreadable when cut at any place', () => {
    const bytes = encodeState(busyState());
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeState(bytes.subarray(0, length))).toThrow(unreadable);
    }
  });

  test('are unreadable when any byte is changed or one is added', () => {
    const bytes = encodeState(busyState());
    for (let place = 0; place < bytes.length; place += 1) {
      const changed = Uint8Array.from(bytes);
      changed[place] = (changed[place] ?? 0) ^ 0x41;
      expect(() => decodeState(changed)).toThrow(unreadable);
    }
    expect(() => decodeState(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(unreadable);
  });

  test('say which version they are of when it is not known', () => {
    const bytes = Uint8Array.from(encodeState(busyState()));
    bytes[4] = 9;
    expect(() => decodeState(bytes)).toThrow(/version 9/);
  });
});

describe('a state that contradicts itself', () => {
  const state = busyState();
  test.each<[string, Partial<EndpointState>]>([
    ['unacknowledged frames that are missing', { unacked: state.unacked.slice(1) }],
    ['frames out of order', { unacked: state.unacked.toReversed() }],
    ['unread frames that are missing', { unread: [] }],
    ['unread frames from the future', { cursors: { ...state.cursors, nextRx: 2 } }],
    ['a cursor that is no number', { cursors: { ...state.cursors, nextRx: Number.NaN } }],
    ['bytes that do not add up', { sentDataBytes: 1 }],
    ['a negative count', { creditGiven: -1 }],
    ['a frame that is none', { unacked: [Buffer.from([255, 255]), ...state.unacked.slice(1)] }],
    ['a frame without a number', { unacked: [Buffer.alloc(0), ...state.unacked.slice(1)] }],
  ])('is refused: %s', (_, change) => {
    expect(() => restoreEndpoint({ ...state, ...change })).toThrow(unreadable);
    expect(() => decodeState(encodeState({ ...state, ...change }))).toThrow(unreadable);
  });
});
