import { Metadata, status } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import { clientErrorOf } from '../../connect/status-errors.js';
import { advisingFlags } from './flag-advice.js';

const silence = (words: string): unknown =>
  advisingFlags(clientErrorOf({ code: status.UNAVAILABLE, details: words, metadata: new Metadata() }, 'node-a:7443'));

test.each([
  ['connect ECONNREFUSED', /^The agent at node-a:7443 cannot be reached\. Nothing listens there: .*PANELET_ADDRESS/],
  [
    'connect ETIMEDOUT',
    /cannot be reached\. Nothing answers there: check the address \(--address, PANELET_ADDRESS\), and/,
  ],
  ['self-signed certificate', /cannot be reached\. Its certificate is not trusted: .*\(--ca\)\.$/],
  ["does not match certificate's altnames", /--server-name/],
  ['EPROTO wrong version number', /--plaintext/],
  ['Name resolution failed', /does not resolve: .*--address/],
  ['something', /Check the address \(--address, PANELET_ADDRESS\)/],
])('an agent that cannot be reached (%s) is told with the flag to give', (words, sentence) => {
  const error = silence(words) as PaneletError;
  expect(error.code).toBe('AGENT_UNREACHABLE');
  expect(error.message).toMatch(sentence);
});

test('a missing token is told in words of flags, after the words of the agent', () => {
  const said = statusOf(new PaneletError('IDENTITY_MISSING', 'No token came with the call.'));
  expect((advisingFlags(clientErrorOf(said, 'a:1')) as PaneletError).message).toBe(
    'No token came with the call. Give one with --token-file or PANELET_TOKEN_FILE; in a cluster, --node brings its own.',
  );
});

test('a token that cannot be sent is told with where it came from', () => {
  const own = new PaneletError('CONFIG_INVALID', 'The token has a space.', { details: { setting: 'token' } });
  expect((advisingFlags(own) as PaneletError).message).toBe(
    'The token has a space. Check PANELET_TOKEN or the token file.',
  );
});

test('what no agent has said stays as it is', () => {
  const own = new PaneletError('IDENTITY_MISSING', 'kubectl made no token.');
  expect(advisingFlags(own)).toBe(own);
  expect(advisingFlags('text')).toBe('text');
});
