import { describe, expect, test } from '@jest/globals';
import { Metadata, status } from '@grpc/grpc-js';
import { readStatusDetails } from '#test/support/read-status-details.js';
import { PaneletError } from '../errors/errors.js';
import { retryAfterMsOf, rpcErrorOf } from '#test/support/rpc-error.js';
import { statusOf } from './grpc-status.js';

describe('the status of an error', () => {
  test('says when to come back to a cordoned worker', () => {
    const result = statusOf(new PaneletError('CORDONED', 'A restart is under way.'), { retryAfterMs: 1500.2 });
    expect(result.code).toBe(status.UNAVAILABLE);
    expect(retryAfterMsOf(result.metadata)).toBe(1501);
    expect(result.metadata.get('grpc-retry-pushback-ms')).toEqual(['1501']);
    expect(readStatusDetails(result.metadata)).toEqual({
      code: status.UNAVAILABLE,
      message: 'A restart is under way.',
      reason: 'CORDONED',
      retryAfterMs: 1500.2,
    });
  });

  test('names the limit that was hit and the field that was wrong', () => {
    const limit = statusOf(new PaneletError('LIMIT_EXCEEDED', '1000 sessions are open.'), { subject: 'sessions' });
    expect(readStatusDetails(limit.metadata).quota).toEqual({
      subject: 'sessions',
      description: '1000 sessions are open.',
    });
    const frame = statusOf(new PaneletError('FRAME_INVALID', 'Frame 7 came twice.'));
    expect(readStatusDetails(frame.metadata).badField).toEqual({ field: 'frame', description: 'Frame 7 came twice.' });
  });

  test('cuts what is too long to arrive, between characters', () => {
    const { details, metadata } = statusOf(
      new PaneletError('FRAME_INVALID', `${'x'.repeat(998)}${'🙂'.repeat(50_000)}`),
    );
    expect(details).toBe(`${'x'.repeat(998)}…`);
    expect(readStatusDetails(metadata)).toMatchObject({ message: details, badField: { description: details } });
    expect(statusOf(new PaneletError('FRAME_INVALID', 'x'.repeat(1000))).details).toHaveLength(1000);
  });

  test('keeps the text of an unknown error inside', () => {
    const result = statusOf(new Error('secret path'));
    expect(result.code).toBe(status.INTERNAL);
    expect(result.details).not.toContain('secret');
  });

  test('comes back as the error it was', () => {
    const sent = statusOf(new PaneletError('SESSION_ENDED', 'The shell has ended.'));
    expect(rpcErrorOf(sent)).toMatchObject({ code: 'SESSION_ENDED', message: 'The shell has ended.' });
    expect(rpcErrorOf({ code: status.UNAVAILABLE, details: 'gone', metadata: new Metadata() }).code).toBe(
      'TRANSPORT_LOST',
    );
  });
});
