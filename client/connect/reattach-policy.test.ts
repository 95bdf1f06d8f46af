import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import type { Random } from '#common/random.js';
import { attachmentEndOf, createReattachPacing, errorOfEnd } from './reattach-policy.js';

const address = '127.0.0.1:7443';

function rpc(
  code: status,
  entries: Record<string, string> = {},
): { code: status; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return { code, details: 'a sentence', metadata };
}

describe('what the end of an attachment means', () => {
  test.each([
    ['OK', rpc(status.OK), 'ok'],
    ['UNAVAILABLE', rpc(status.UNAVAILABLE), 'transport'],
    ['CANCELLED that was not ours', rpc(status.CANCELLED), 'transport'],
    ['RESOURCE_EXHAUSTED with a time', rpc(status.RESOURCE_EXHAUSTED, { 'panelet-retry-after-ms': '5' }), 'transport'],
    ['RESOURCE_EXHAUSTED without one', rpc(status.RESOURCE_EXHAUSTED), 'refused'],
    ['UNAVAILABLE with "never again"', rpc(status.UNAVAILABLE, { 'grpc-retry-pushback-ms': '-1' }), 'refused'],
    ['INTERNAL from a transport', rpc(status.INTERNAL), 'transport'],
    ['INTERNAL from an agent', rpc(status.INTERNAL, { 'panelet-reason': 'INTERNAL' }), 'refused'],
    ['NOT_FOUND', rpc(status.NOT_FOUND), 'refused'],
    ['UNAUTHENTICATED', rpc(status.UNAUTHENTICATED), 'refused'],
  ])('%s', (_name, end, kind) => {
    expect(attachmentEndOf(end, address, true).kind).toBe(kind);
  });

  test('before the first welcome an INTERNAL without a reason is an answer, not a loss', () => {
    expect(attachmentEndOf(rpc(status.INTERNAL), address, false).kind).toBe('refused');
  });
});

test('a connection that is cut under a session is no agent out of reach, and no bug', () => {
  const codeOf = (end: Parameters<typeof errorOfEnd>[0], wasWelcomed: boolean): string | undefined =>
    errorOfEnd(end, address, wasWelcomed)?.code;
  for (const code of [status.UNAVAILABLE, status.INTERNAL]) expect(codeOf(rpc(code), true)).toBe('TRANSPORT_LOST');
  expect(codeOf(rpc(status.UNAVAILABLE), false)).toBe('AGENT_UNREACHABLE');
  const said = { 'panelet-reason': 'WORKER_UNAVAILABLE' };
  expect(codeOf(rpc(status.UNAVAILABLE, said), true)).toBe('WORKER_UNAVAILABLE');
  expect(codeOf(rpc(status.UNAUTHENTICATED), true)).toBe('IDENTITY_MISSING');
  expect(errorOfEnd(rpc(status.OK), address, true)).toBeUndefined();
});

describe('the spacing of attempts', () => {
  const top: Random = { number: () => 1, bytes: () => Buffer.alloc(0), uuid: () => '' };
  const failed = { rpc: rpc(status.UNAVAILABLE), livedMs: undefined, ready: false, afterMs: 0 };

  test('doubles from 50 ms to 5 s', () => {
    const pacing = createReattachPacing(top);
    const delays = Array.from({ length: 9 }, () => pacing.delayMs(failed));
    expect(delays).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  test('is nothing after READY, and dense for a while after it', () => {
    const pacing = createReattachPacing(top);
    expect(pacing.delayMs({ ...failed, rpc: rpc(status.OK), livedMs: 5000, ready: true })).toBe(0);
    const delays = Array.from({ length: 6 }, () => pacing.delayMs(failed));
    expect(delays).toEqual([50, 100, 200, 400, 500, 500]);
  });

  test('does not hammer a peer that says READY again and again', () => {
    const pacing = createReattachPacing(top);
    const again = { ...failed, rpc: rpc(status.OK), livedMs: 3, ready: true };
    expect([pacing.delayMs(again), pacing.delayMs(again), pacing.delayMs(again)]).toEqual([0, 50, 100]);
  });

  test('starts over after an attachment that lasted, not after one that was cut at once', () => {
    const pacing = createReattachPacing(top);
    pacing.delayMs(failed);
    expect(pacing.delayMs({ ...failed, livedMs: 10 })).toBe(100);
    expect(pacing.delayMs({ ...failed, livedMs: 10_000 })).toBe(50);
  });

  test('is what the peer asks for', () => {
    const pacing = createReattachPacing(top);
    const asked = { ...failed, rpc: rpc(status.UNAVAILABLE, { 'grpc-retry-pushback-ms': '1234' }) };
    expect(pacing.delayMs(asked)).toBe(1234);
    expect(pacing.delayMs({ ...failed, rpc: rpc(status.OK), ready: true, afterMs: 70 })).toBe(70);
  });
});
