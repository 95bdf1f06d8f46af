import { PaneletError } from '#common/errors/errors.js';
import { adviceByTrouble, troubleOf, type Trouble } from './status-errors.js';

/** How one address has failed. */
export interface FailedAddress {
  readonly address: string;
  /** It gave no answer, it refused, or it is no address. */
  readonly kind: 'silent' | 'refused' | 'wrong';
  /** What was said about it. @default nothing */
  readonly words?: string;
}

const wordsByTrouble: Readonly<Record<Trouble, string>> = {
  'other-name': 'its certificate is for another name',
  untrusted: 'its certificate is not trusted',
  plaintext: 'it does not speak TLS',
  unresolved: 'the name does not resolve',
  refused: 'nothing listens there',
  silent: 'nothing answers there',
  unknown: 'no connection came about',
};

/**
 * The error of addresses none of which has taken a connection: AGENT_UNREACHABLE, which says how each has failed. `details` has the
 * addresses, and where all have the same, the trouble.
 * @param limitMs how long they had, in milliseconds
 */
export function unreachableError(failed: readonly FailedAddress[], limitMs: number): PaneletError {
  const last = lastWords(failed);
  const address = last.map((one) => one.address).join(', ');
  const [trouble, ...otherTroubles] = new Set(last.map(troubleIn));
  const isCommon = trouble !== undefined && otherTroubles.length === 0;
  return new PaneletError('AGENT_UNREACHABLE', problemOf(last, limitMs), {
    advice: isCommon ? adviceByTrouble[trouble] : 'Check the addresses, and that agents run there.',
    details: { address, ...(isCommon && { trouble }) },
  });
}

/** One for each address: of several connections to it, one that was refused knows more than one that was not answered. */
function lastWords(failed: readonly FailedAddress[]): readonly FailedAddress[] {
  const byAddress = new Map<string, FailedAddress>();
  for (const one of failed) {
    if (one.kind !== 'silent' || !byAddress.has(one.address)) byAddress.set(one.address, one);
  }
  return [...byAddress.values()];
}

function problemOf(failed: readonly FailedAddress[], limitMs: number): string {
  const late = `did not take a connection within ${limitMs} ms`;
  const [only, ...others] = failed;
  if (only !== undefined && others.length === 0) {
    return only.kind === 'silent' ? `${only.address} ${late}.` : `The agent at ${only.address} cannot be reached.`;
  }
  const each = failed.map((one) => `${one.address} (${one.kind === 'silent' ? late : wordsOf(one)})`);
  return `No agent can be reached: ${each.join(', ')}.`;
}

function troubleIn({ kind, words = '' }: FailedAddress): Trouble {
  return kind === 'silent' ? 'silent' : troubleOf(words);
}

function wordsOf(failed: FailedAddress): string {
  return failed.kind === 'wrong' ? 'it is no address' : wordsByTrouble[troubleIn(failed)];
}
