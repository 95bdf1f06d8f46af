import { describe, expect, test } from '@jest/globals';
import { isUtf8Terminal } from './terminal-encoding.js';

describe('a terminal', () => {
  test.each([
    [{}, true],
    [{ LANG: 'C' }, true],
    [{ LANG: 'C.UTF-8' }, true],
    [{ LANG: 'de_DE.utf8@euro' }, true],
    [{ LANG: 'de_DE.ISO-8859-1' }, false],
    [{ LANG: 'C.UTF-8', LC_CTYPE: 'ja_JP.eucJP' }, false],
    [{ LANG: 'ja_JP.eucJP', LC_ALL: 'en_US.UTF-8' }, true],
    [{ LANG: 'ja_JP.eucJP', LC_ALL: '' }, false],
  ])('with %j takes UTF-8: %j', (environment, expected) => {
    expect(isUtf8Terminal(environment)).toBe(expected);
  });
});
