import { expect, test } from '@jest/globals';
import { createSeededRandom } from '#common/random.js';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createDoorKeys, type DoorKeys } from './door-keys.js';

function make(): { readonly keys: DoorKeys; readonly clock: FakeClock } {
  const clock = createFakeClock();
  return { clock, keys: createDoorKeys({ clock, random: createSeededRandom(1) }) };
}

test('a token is traded for a key once', () => {
  const { keys } = make();
  const token = keys.issueToken();
  const key = keys.trade(token);
  expect(keys.isKey(key ?? '')).toBe(true);
  expect(keys.trade(token)).toBeUndefined();
  expect(keys.isKey(token)).toBe(false);
});

test('a token is good for 60 s', () => {
  const { keys, clock } = make();
  const [early, late] = [keys.issueToken(), keys.issueToken()];
  clock.advance(59_999);
  expect(keys.trade(early)).toBeDefined();
  clock.advance(1);
  expect(keys.trade(late)).toBeUndefined();
});

test('a key stays good', () => {
  const { keys, clock } = make();
  const key = keys.trade(keys.issueToken()) ?? '';
  clock.advance(1e9);
  expect(keys.isKey(key)).toBe(true);
});

test('what was never given is no key', () => {
  const { keys } = make();
  const key = keys.trade(keys.issueToken()) ?? '';
  for (const wrong of ['', 'x', `${key} `, key.slice(1), `${key}a`, key.toUpperCase()])
    expect(keys.isKey(wrong)).toBe(false);
  expect(keys.trade('')).toBeUndefined();
});

test('of tokens and keys without end the oldest go', () => {
  const { keys } = make();
  const first = keys.trade(keys.issueToken()) ?? '';
  const token = keys.issueToken();
  for (let count = 0; count < 16; count++) keys.issueToken();
  expect(keys.trade(token)).toBeUndefined();
  const later = Array.from({ length: 63 }, () => keys.trade(keys.issueToken()) ?? '');
  expect(keys.isKey(first)).toBe(true);
  expect(later.every((key) => keys.isKey(key))).toBe(true);
  keys.trade(keys.issueToken());
  expect(keys.isKey(first)).toBe(false);
});
