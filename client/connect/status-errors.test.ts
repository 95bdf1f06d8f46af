import { inspect } from 'node:util';
import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import { clientErrorOf, statusOfError } from './status-errors.js';

const address = 'node-a:7443';
const plain = (code: status, details: string): ReturnType<typeof clientErrorOf> =>
  clientErrorOf({ code, details, metadata: new Metadata() }, address);

describe('the error of a status', () => {
  test('keeps code and sentence of an agent, with the status as its cause', () => {
    const error = clientErrorOf(statusOf(new PaneletError('CORDONED', 'Not now.')), address);
    expect(error).toMatchObject({ code: 'CORDONED', message: 'Not now.' });
    expect((error.cause as Error).message).toBe('gRPC status UNAVAILABLE: Not now.');
  });

  test('shows nothing of gRPC but its words, in a stack trace either', () => {
    const shown = inspect(clientErrorOf(statusOf(new PaneletError('CORDONED', 'Not now.')), address), { depth: 9 });
    expect(shown).toContain('gRPC status UNAVAILABLE: Not now.');
    expect(shown).not.toMatch(/Metadata|internalRepr|panelet-reason/);
  });

  test.each([
    [status.UNAVAILABLE, 'connect ECONNREFUSED', 'AGENT_UNREACHABLE', /Nothing listens there/],
    [status.UNAVAILABLE, 'Name resolution failed for target dns:x', 'AGENT_UNREACHABLE', /does not resolve/],
    [status.UNAVAILABLE, 'self-signed certificate', 'AGENT_UNREACHABLE', /give the authority that signed it/],
    [status.UNAVAILABLE, 'EPROTO wrong version number', 'AGENT_UNREACHABLE', /does not speak TLS/],
    [status.UNAVAILABLE, 'something', 'AGENT_UNREACHABLE', /Check the address/],
    [status.UNAUTHENTICATED, '', 'IDENTITY_MISSING', /Give one that it knows/],
    [status.PERMISSION_DENIED, '', 'IDENTITY_REFUSED', /role/],
    [status.UNIMPLEMENTED, '', 'VERSION_UNSUPPORTED', /Panelet agent/],
    [status.DEADLINE_EXCEEDED, '', 'TIMEOUT', /did not answer in time/],
    [status.INTERNAL, 'whatever', 'INTERNAL', /whatever/],
  ])('without a reason: %i "%s" is %s, and says what to do', (code, details, errorCode, sentence) => {
    const error = plain(code, details);
    expect(error.code).toBe(errorCode);
    expect(error.message).toMatch(sentence);
  });

  test('is made of anything that is thrown', () => {
    expect(statusOfError(new Error('x'))).toMatchObject({ code: status.UNKNOWN, details: 'x' });
    expect(statusOfError(undefined)).toMatchObject({ code: status.UNKNOWN });
  });
});
