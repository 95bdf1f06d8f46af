import type { Random } from '#common/random.js';
import type { Caller } from '../../access/identity.js';

/** Who a call is from, as the front found out. */
export interface VerifiedCall {
  readonly caller: Caller;
  readonly remoteAddress: string | undefined;
  /** Ends it at once, whatever is on its way. Twice is fine. */
  readonly cut: () => void;
}

/**
 * Calls that the front has verified and sent on to the agent's own services. They travel under a key that cannot be guessed
 * and is good for one call only: whoever reaches the services' socket otherwise is nobody.
 */
export interface VerifiedCalls {
  /** Remembers a call and returns its key. */
  add(call: VerifiedCall): string;
  find(key: string): VerifiedCall | undefined;
  remove(key: string): void;
}

/** Metadata key that carries the key of a verified call. */
export const verifiedCallKey = 'panelet-call';

/** Without calls. */
export function createVerifiedCalls(random: Random): VerifiedCalls {
  const calls = new Map<string, VerifiedCall>();
  return {
    add: (call) => {
      const key = Buffer.from(random.bytes(24)).toString('base64url');
      calls.set(key, call);
      return key;
    },
    find: (key) => calls.get(key),
    remove: (key) => void calls.delete(key),
  };
}
