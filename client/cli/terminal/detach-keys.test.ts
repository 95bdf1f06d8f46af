import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createDetachKeys, type DetachKeys } from './detach-keys.js';

const prefixMs = 800;
const sequenceMs = 50;
const pasteMs = 10_000;

interface Taken {
  readonly sent: string;
  readonly detach: boolean;
  readonly wait: number | undefined;
}

const feed = (keys: DetachKeys, ...chunks: string[]): Taken => {
  let sent = '';
  let detach = false;
  for (const chunk of chunks) {
    if (detach) break;
    const typed = keys.take(Buffer.from(chunk, 'latin1'));
    sent += typed.bytes.toString('latin1');
    detach = typed.detach;
  }
  return { sent, detach, wait: keys.releaseAfterMs };
};
const take = (...chunks: string[]): Taken =>
  feed(
    createDetachKeys(() => false),
    ...chunks,
  );
const paste = (...chunks: string[]): Taken =>
  feed(
    createDetachKeys(() => true),
    ...chunks,
  );
const bytesOf = (text: string): string[] =>
  Array.from(Buffer.from(text, 'latin1'), (byte) => String.fromCharCode(byte));

// ctrl-] in every encoding; press, with and without what else a terminal may say of it.
const prefixes = [
  ['plain', '\x1d'],
  ['kitty', '\x1b[93;5u'],
  ['kitty with event types', '\x1b[93;5:1u'],
  ['kitty with alternate keys', '\x1b[93:125;5:1u'],
  ['kitty with text', '\x1b[93;5;29u'],
  ['kitty with caps lock', '\x1b[93;69u'],
  ['kitty with num lock', '\x1b[93;133u'],
  ['kitty with both locks', '\x1b[93;197:1u'],
  ['kitty, Cyrillic, by its place', '\x1b[1098:1066:93;5u'],
  ['modifyOtherKeys', '\x1b[27;5;93~'],
  ['modifyOtherKeys with num lock', '\x1b[27;133;93~'],
] as const;
const letters = [
  ['d', 'd'],
  ['D', 'D'],
  ['kitty d', '\x1b[100;1u'],
  ['kitty d without modifiers', '\x1b[100u'],
  ['kitty d with event types', '\x1b[100;1:1u'],
  ['kitty D', '\x1b[100:68;2;68u'],
  ['kitty d with caps lock', '\x1b[100;65u'],
  ['kitty, Cyrillic, by its place', '\x1b[1074::100;1u'],
  ['modifyOtherKeys D', '\x1b[27;2;68~'],
] as const;
// What comes between the two and is no key.
const between = [
  '\x1b[93;5:3u',
  '\x1b[93;5:2u',
  '\x1b[57442;5:3u',
  '\x1b[57358;1:1u',
  '\x1b[<35;100;100M',
  '\x1b[I',
  '\x1b[?62;4c',
  '\x1b]11;rgb:dddd/dddd/dddd\x1b\\',
  '\x1bP1$rd\x1b\\',
  '\x1b[Md!d',
];

describe('the detach keys', () => {
  describe.each(prefixes)('with ctrl-] as %s', (_name, prefix) => {
    test.each(letters)('detach at %s, in one piece, in two and byte by byte', (_letterName, letter) => {
      const expected = { sent: 'ab', detach: true };
      expect(take(`ab${prefix}${letter}xyz`)).toMatchObject(expected);
      expect(take(`ab${prefix}`, `${letter}xyz`)).toMatchObject(expected);
      const pieces = take(...bytesOf(`ab${prefix}${letter}`));
      // An ESC is not held back, so that ESC alone is not late.
      expect(pieces).toMatchObject({ sent: prefix.startsWith('\x1b') ? 'ab\x1b' : 'ab', detach: true });
    });

    test.each(between)('take %j for no key', (silent) => {
      expect(take(`${prefix}${silent}d`)).toMatchObject({ sent: '', detach: true });
      expect(take(prefix, silent, 'x')).toMatchObject({ sent: `${prefix}${silent}x`, detach: false });
    });

    test('are passed on when anything else follows, or nothing', () => {
      for (const other of ['x', '\x04', '\x1bd', '\x1b[100;5u', '\x1b[100;3u', '\x1b[A', 'é']) {
        expect(take(`${prefix}${other}d`)).toEqual({ sent: `${prefix}${other}d`, detach: false, wait: undefined });
      }
      const keys = createDetachKeys(() => false);
      expect(feed(keys, prefix)).toEqual({ sent: '', detach: false, wait: prefixMs });
      expect(keys.release().toString('latin1')).toBe(prefix);
      expect(keys.release()).toHaveLength(0);
      expect(feed(keys, 'd')).toEqual({ sent: 'd', detach: false, wait: undefined });
    });

    test('give one ctrl-] for two', () => {
      expect(take(`${prefix}${prefix}`)).toEqual({ sent: prefix, detach: false, wait: undefined });
      expect(take(`${prefix}\x1b[93;5:3u${prefix}d`)).toMatchObject({ sent: `\x1b[93;5:3u${prefix}d` });
    });
  });

  test.each(['\x1b[93;5:3u', '\x1b[93;6u', '\x1b[93u', '\x1b[93;7u', '\x1b[27;6;93~', '\x1b[43::93;5u', '\x1b[93;5~'])(
    'are not begun by %j',
    (sequence) => {
      expect(take(`${sequence}d`)).toEqual({ sent: `${sequence}d`, detach: false, wait: undefined });
    },
  );

  test('hold back the beginning of a sequence for a moment, and ESC not at all', () => {
    expect(take('\x1b')).toEqual({ sent: '\x1b', detach: false, wait: undefined });
    const keys = createDetachKeys(() => false);
    expect(feed(keys, '\x1b[93')).toEqual({ sent: '', detach: false, wait: sequenceMs });
    expect(keys.release().toString()).toBe('\x1b[93');
    expect(feed(keys, ';5ud').detach).toBe(false);
  });

  describe('in a bracketed paste', () => {
    const text = '\x1b[200~one \x1dd two \x1b[93;5ud\x1b[201~';

    test('are text, however it is cut', () => {
      expect(paste(text)).toEqual({ sent: text, detach: false, wait: undefined });
      expect(paste(...bytesOf(text))).toEqual({ sent: text, detach: false, wait: undefined });
      for (let at = 0; at <= text.length; at++) {
        expect(paste(text.slice(0, at), text.slice(at))).toEqual({ sent: text, detach: false, wait: undefined });
      }
    });

    test('are keys again after it, and not only at once', () => {
      expect(paste(`${text}\x1dd`)).toMatchObject({ sent: text, detach: true });
      expect(paste(`${text}a${text}`, '\x1dd')).toMatchObject({ detach: true });
      expect(paste('\x1b[200~\x1b\x1b[20\x1b[201~\x1dd')).toMatchObject({ detach: true });
    });

    test('were not meant by a ctrl-] before it', () => {
      expect(paste('\x1d\x1b[200~d\x1b[201~')).toMatchObject({ sent: '\x1d\x1b[200~d\x1b[201~', detach: false });
    });

    test('are keys again when it has no end and nothing comes for long', () => {
      const keys = createDetachKeys(() => true);
      expect(feed(keys, '\x1b[200~never ended \x1dd')).toMatchObject({ detach: false, wait: pasteMs });
      expect(keys.release()).toHaveLength(0);
      expect(feed(keys, '\x1dd')).toMatchObject({ sent: '', detach: true });
    });

    test('are keys where the program has not asked for brackets: nobody writes an end then', () => {
      expect(take('\x1b[200~text\x1dd')).toMatchObject({ sent: '\x1b[200~text', detach: true });
    });
  });

  test('pass on every byte, in order, whatever it is and however it is cut', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...prefixes.map(([, bytes]) => bytes),
        ...between,
        '\x1b',
        '\x1b[',
        '\x1b[200~',
        '\x1b[201~',
        'x',
      ),
      fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('latin1').replace(/d|D/g, 'e')),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.boolean(), (pieces, bracketed) => {
        const keys = createDetachKeys(() => bracketed);
        let sent = '';
        for (const chunk of pieces) {
          const typed = keys.take(Buffer.from(chunk, 'latin1'));
          sent += typed.bytes.toString('latin1');
          if (typed.detach) return;
          // So that no ctrl-] is the second of two.
          sent += keys.release().toString('latin1');
        }
        expect(sent).toBe(pieces.join(''));
      }),
    );
  });
});
