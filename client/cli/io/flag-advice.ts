import { isPaneletError } from '#common/errors/errors.js';
import type { Trouble } from '../../connect/status-errors.js';

const adviceByTrouble: Readonly<Partial<Record<string, string>>> = {
  'other-name':
    'Its certificate is for another name: check that the address leads to this agent, or say which name it has (--server-name).',
  untrusted: 'Its certificate is not trusted: give the authority that signed it (--ca).',
  plaintext: 'It does not speak TLS: check the address, or ask for plaintext (--plaintext).',
  unresolved: 'The name does not resolve: check the address (--address, PANELET_ADDRESS).',
  refused: 'Nothing listens there: check the address (--address, PANELET_ADDRESS) and that the agent runs.',
  silent:
    'Nothing answers there: check the address (--address, PANELET_ADDRESS), and that it can be reached from here.',
  unknown: 'Check the address (--address, PANELET_ADDRESS), and that it is the port of a Panelet agent.',
} satisfies Readonly<Record<Trouble, string>>;

const tokenAdvice = 'Give one with --token-file or PANELET_TOKEN_FILE; in a cluster, --node brings its own.';

/**
 * The error of an agent's answer, or of its silence, with the flags and variables that do what is advised. The SDK, whose
 * users have none, advises in its own terms.
 */
export function advisingFlags(error: unknown): unknown {
  if (!isPaneletError(error)) return error;
  if (error.details['setting'] === 'token') return error.advising('Check PANELET_TOKEN or the token file.');
  if (error.details['address'] === undefined) return error;
  const advice = error.code === 'IDENTITY_MISSING' ? tokenAdvice : adviceByTrouble[error.details['trouble'] ?? ''];
  return advice === undefined ? error : error.advising(advice);
}
