import { describe, expect, test } from '@jest/globals';
import { shownLines, shownText } from './shown-text.js';

describe('text of others', () => {
  test('is left as it is where everything in it can be seen', () => {
    expect(shownText('node-1 <b>ö 漢字 👩‍👧 ok</b>')).toBe('node-1 <b>ö 漢字 👩‍👧 ok</b>');
  });

  test('cannot turn the direction of the line, nor hide anything', () => {
    expect(shownText('a\u202egpj.exe\u2066\u200b\ufeff')).toBe('a⟨202E⟩gpj.exe⟨2066⟩⟨200B⟩⟨FEFF⟩');
  });

  test('shows control characters as signs, line ends as well', () => {
    expect(shownText('a\x1b[31m\r\n\x7f\x85')).toBe('a␛[31m␍␊␡⟨0085⟩');
  });

  test('keeps its lines where several are meant', () => {
    expect(shownLines('a\n\tb\r')).toBe('a\n\tb␍');
  });

  test('is cut, and no character is cut in two', () => {
    expect(shownText('x'.repeat(1 << 20), 10)).toBe('xxxxxxxxxx…');
    expect(shownText('xxx👩👩', 4)).toBe('xxx…');
    expect(shownText('xxx👩', 5)).toBe('xxx👩');
  });
});
