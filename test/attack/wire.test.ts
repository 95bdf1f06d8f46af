import { describe, expect, test } from '@jest/globals';
import { createFrameReader, type ArrivedFrame } from './frame-reader.js';
import { openSocket } from './peer.js';
import { frame, frameFlag, frameType, headerBlock, headersFrames, messageFrame, settingsFrame } from './wire.js';

function framesIn(bytes: Buffer, chunkBytes: number): ArrivedFrame[] {
  const frames: ArrivedFrame[] = [];
  const push = createFrameReader((arrived) => frames.push(arrived));
  for (let at = 0; at < bytes.length; at += chunkBytes) push(bytes.subarray(at, at + chunkBytes));
  return frames;
}

describe('the frames of an attacker', () => {
  test.each([1, 7, 1000])('are read as they were written, in chunks of %i bytes', (chunkBytes) => {
    const bytes = Buffer.concat([settingsFrame([[4, 0]]), messageFrame(3, Buffer.from('hi'), true)]);
    const seen = framesIn(bytes, chunkBytes).map(({ type, flags, stream, payload }) => [
      ...[type, flags, stream],
      payload.toString('hex'),
    ]);
    expect(seen).toEqual([
      [frameType.settings, 0, 0, '000400000000'],
      [frameType.data, frameFlag.endStream, 3, '00000000026869'],
    ]);
  });

  test('carry header blocks as RFC 7541 has them', () => {
    expect(headerBlock([['ab', 'c']]).toString('hex')).toBe('000261620163');
    const long = headerBlock([['n', 'v'.repeat(1337)]]);
    // 1337 in a prefix of 7 bits: 127, then 1210 as 0xba 0x09.
    expect(long.subarray(3, 6).toString('hex')).toBe('7fba09');
    expect(long).toHaveLength(6 + 1337);
  });

  test('cut a large header block into CONTINUATIONs, of which the last ends it', () => {
    const frames = framesIn(headersFrames(5, [['n', 'v'.repeat(40_000)]], true), 4096);
    expect(frames.map(({ type, flags }) => [type, flags])).toEqual([
      [frameType.headers, frameFlag.endStream],
      [frameType.continuation, 0],
      [frameType.continuation, frameFlag.endHeaders],
    ]);
  });

  test('have no payload where none is given', () => {
    expect(frame({ type: frameType.ping, flags: 1, stream: 0 })).toEqual(Buffer.from('000000060100000000', 'hex'));
  });
});

describe('an attacker', () => {
  test('goes to this machine only', async () => {
    await expect(openSocket({ host: '192.0.2.1', port: 7443, tls: false })).rejects.toThrow('this machine');
  });
});
