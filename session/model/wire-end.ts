import type { Frame } from '#proto/session/v1/session.js';
import { Frames, type Channel } from '#proto/session/v1/session.js';
import type { Endpoint, InputItem } from '../endpoint/endpoint.js';
import { defaultLimits, type SessionLimits } from '../codec/limits.js';

/** Limits so small that a few bytes reach each of them. */
export const tinyLimits: SessionLimits = {
  ...defaultLimits,
  maxDataBytes: 16,
  maxMessageBytes: 160,
  maxEventBytes: 8,
  maxUnackedEvents: 4,
  windowBytes: 64,
  replayBytes: 2048,
  coalesceBytes: 64,
};

/** A message as the wire makes it: encoded and decoded, in memory that belongs to nobody here. */
export function overTheWire(message: Frames): Frames {
  return Frames.decode(Frames.encode(message).finish());
}

/** What a consumer can tell of input, one number per byte, event and fin, whatever the frames were. */
export function meaningOf(item: InputItem): number[] {
  switch (item.kind) {
    case 'data':
      return [...item.payload].map((byte) => item.channel * 256 + byte);
    case 'event':
      return [item.event.kind?.$case === 'resize' ? 100_000 + item.event.kind.value.cols : -2];
    case 'fin':
      return [-1];
  }
}

/** Writes `sizeBytes` bytes that tell their place; returns their meaning. */
export function writeCounting(endpoint: Endpoint, channel: Channel, from: number, sizeBytes: number): number[] {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (from + index) % 251);
  endpoint.writeData(channel, bytes);
  const meaning = [...bytes].map((byte) => channel * 256 + byte);
  // The engine has its own copy.
  bytes.fill(255);
  return meaning;
}

/** A data frame. */
export function dataFrame(seq: number, channel: Channel, bytes: Uint8Array | string): Frame {
  return { seq, kind: { $case: 'data', value: { channel, payload: Buffer.from(bytes) } } };
}

/** A resize event, told apart by its width. */
export function resizeFrame(seq: number, cols: number): Frame {
  return { seq, kind: { $case: 'event', value: { kind: { $case: 'resize', value: { rows: 1, cols } } } } };
}
