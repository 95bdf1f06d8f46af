import type { Stored } from '../world/stored.js';

const storedName = 'panelet-board-key';

/** The address of the page, as far as the key needs it. */
export interface PageAddress {
  /** What stands behind `#`, with it. */
  readonly hash: string;
  /** Takes what stands behind `#` out of the address and out of the history. */
  forgetHash(): void;
}

/** What a key is got by. */
export interface KeyDeps {
  readonly address: PageAddress;
  readonly stored: Stored;
  /** Trades a one-time token for a key. @throws BoardRefused */
  readonly trade: (token: string) => Promise<string>;
}

/**
 * The key of this tab: one that it keeps, or one for the token in the address, which is forgotten before anything else happens. Null without either.
 * @throws BoardRefused for a token that is good no more, where no key is kept
 */
export async function keyOfPage({ address, stored, trade }: KeyDeps): Promise<string | null> {
  const token = new URLSearchParams(address.hash.slice(1)).get('token');
  if (token === null || token === '') return stored.get(storedName);
  address.forgetHash();
  try {
    const key = await trade(token);
    stored.set(storedName, key);
    return key;
  } catch (error) {
    const kept = stored.get(storedName);
    if (kept === null) throw error;
    return kept;
  }
}

/** Forgets a key that the server does not know. */
export function forgetKey(stored: Stored): void {
  stored.remove(storedName);
}
