import { describe, expect, test } from '@jest/globals';
import { forgetKey, keyOfPage, type KeyDeps } from './key.js';

class Page implements KeyDeps {
  readonly kept = new Map<string, string>();
  readonly told: string[] = [];
  readonly address;
  readonly stored = {
    get: (name: string) => this.kept.get(name) ?? null,
    set: (name: string, value: string) => void this.kept.set(name, value),
    remove: (name: string) => void this.kept.delete(name),
  };

  constructor(hash: string) {
    this.address = { hash, forgetHash: () => void this.told.push('forgot') };
  }

  trade = (token: string): Promise<string> => {
    this.told.push(token);
    return token === 'good' ? Promise.resolve('a key') : Promise.reject(new Error('used'));
  };
}

describe('the key of a page', () => {
  test('is traded for the token of its address, which is forgotten first, and kept for the next load', async () => {
    const page = new Page('#token=good');
    expect(await keyOfPage(page)).toBe('a key');
    expect(page.told).toEqual(['forgot', 'good']);
    expect(await keyOfPage({ address: new Page('').address, stored: page.stored, trade: page.trade })).toBe('a key');
  });

  test('is the one that is kept where the token is good no more', async () => {
    const page = new Page('#token=old');
    await expect(keyOfPage(page)).rejects.toThrow('used');
    page.stored.set('panelet-board-key', 'kept');
    expect(await keyOfPage(page)).toBe('kept');
  });

  test('is none without a token, and after it is forgotten', async () => {
    const page = new Page('');
    expect(await keyOfPage(page)).toBeNull();
    page.stored.set('panelet-board-key', 'kept');
    forgetKey(page.stored);
    expect(await keyOfPage(page)).toBeNull();
  });
});
