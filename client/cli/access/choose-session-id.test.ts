import { describe, expect, test } from '@jest/globals';
import { isPaneletError } from '#common/errors/errors.js';
import { chooseSessionId, isWholeSessionId, shortIds } from './choose-session-id.js';

const ids = ['0a1b2c3d-1', '0a1b9999-2', 'ffff0000-3', 'abc'];

function refusal(typed: string, among: readonly string[] = ids): string {
  try {
    return chooseSessionId(typed, among);
  } catch (error) {
    if (isPaneletError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

describe('a session id', () => {
  test('may be cut to four characters where one id begins so', () => {
    expect(chooseSessionId('ffff', ids)).toBe('ffff0000-3');
    expect(chooseSessionId('0A1B2', ids)).toBe('0a1b2c3d-1');
    expect(chooseSessionId('ffff', [...ids, ...ids])).toBe('ffff0000-3');
  });

  test('is what it says in full, however short, and also where others begin with it', () => {
    expect(chooseSessionId('abc', ids)).toBe('abc');
    expect(chooseSessionId('0a1b', [...ids, '0a1b'])).toBe('0a1b');
  });

  test('is refused with the ids that begin so, or with those that there are', () => {
    expect(refusal('0a1b')).toBe(
      'CONFIG_INVALID: Several sessions begin with 0a1b: 0a1b2c3d-1, 0a1b9999-2. Give more of it.',
    );
    expect(refusal('dead')).toMatch(/^SESSION_UNKNOWN: No session of yours begins with dead\. There are: 0a1b2c3d-1, /);
    expect(refusal('dead', [])).toMatch(/There is none\.$/);
    expect(refusal('fff')).toMatch(/^CONFIG_INVALID: .*at least 4 characters/);
  });

  test('is whole with all its characters only', () => {
    expect(isWholeSessionId('0a1b2c3d-0000-4000-8000-00000000000a')).toBe(true);
    expect(isWholeSessionId('0a1b2c3d-0000-4000-8000-00000000000')).toBe(false);
  });
});

test('ids are shown as far as they differ, and at least by their first block', () => {
  expect(shortIds([])).toEqual([]);
  expect(shortIds(['0a1b2c3d-1', '0a1b9999-2'])).toEqual(['0a1b2c3d', '0a1b9999']);
  expect(shortIds(['0a1b2c3d-11', '0a1b2c3d-12', 'ffff0000-33'])).toEqual([
    '0a1b2c3d-11',
    '0a1b2c3d-12',
    'ffff0000-33',
  ]);
  expect(shortIds(['same-id-of-both', 'same-id-of-both'])).toEqual(['same-id-', 'same-id-']);
});
