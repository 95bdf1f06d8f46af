import type { IUnicodeVersionProvider } from '@xterm/headless';
import { eastAsianWidth } from 'get-east-asian-width';

// What the character before is, for what may join it into one cell.
const alone = 0;
const pictograph = 1;
const hand = 2;
const joining = 3;
const flagLetter = 4;
const keycapBase = 5;
type Kind = 0 | 1 | 2 | 3 | 4 | 5;

const zeroWidthJoiner = 0x200d;
const emojiPresentation = 0xfe0f;
const softHyphen = 0xad;

/**
 * Widths of Unicode's grapheme clusters in cells, as kitty, WezTerm, Ghostty, foot, iTerm2, Windows Terminal and tmux have
 * them: wide are East Asian wide characters and emoji, what a joiner, a skin tone or a flag's second letter makes of several is
 * one, and the variation selector 16 makes an emoji, which is wide, of a sign. Marks take no cell of their own.
 */
export function createCellWidths(version: string): IUnicodeVersionProvider {
  return {
    version,
    wcwidth: (code) => (code >= 0x20 && code < 0x7f ? 1 : asWidth(lookUp(code) >> 3)),
    charProperties: (code, preceding) => {
      // Nothing joins to a letter of ASCII but marks, and it joins to nothing.
      if (code >= 0x20 && code < 0x7f) return properties(isKeycapBase(code) ? keycapBase : alone, 1, false);
      const entry = lookUp(code);
      return joined(code, { width: asWidth(entry >> 3), kind: (entry & 7) as Kind }, preceding);
    },
  };
}

// Width and kind of each character that was asked for, and one more, as 0 is not known. All terminals share the table: a
// program that prints every character there is would else cost as much memory for each.
const known = new Uint8Array(0x110000);

function lookUp(code: number): number {
  if (known[code] === 0) known[code] = ((widthOf(code) << 3) | kindOf(code)) + 1;
  return (known[code] ?? 1) - 1;
}

const asWidth = (width: number): 0 | 1 | 2 => (width === 0 || width === 1 ? width : 2);

// The form in which the interpreter keeps them: a state of ours, the width, and whether it joins the cell before.
const properties = (kind: Kind, width: number, joins: boolean): number => (kind << 3) | (width << 1) | (joins ? 1 : 0);

function joined(code: number, { width, kind }: { width: number; kind: Kind }, preceding: number): number {
  const before = ((preceding >> 3) & 7) as Kind;
  const widthBefore = (preceding >> 1) & 3;
  if (widthBefore === 0) return properties(kind, width, false);
  if (width === 0) {
    const canBeEmoji = before === pictograph || before === hand || before === keycapBase;
    if (code === emojiPresentation && canBeEmoji) return properties(before, 2, true);
    if (code === zeroWidthJoiner && (before === pictograph || before === hand))
      return properties(joining, widthBefore, true);
    return properties(before, widthBefore, true);
  }
  if (before === joining && (kind === pictograph || kind === hand)) return properties(kind, 2, true);
  if (before === hand && isSkinTone(code)) return properties(pictograph, 2, true);
  if (before === flagLetter && kind === flagLetter) return properties(alone, 2, true);
  return properties(kind, width, false);
}

const isKeycapBase = (code: number): boolean => (code >= 0x30 && code <= 0x39) || code === 0x23 || code === 0x2a;
const isSkinTone = (code: number): boolean => code >= 0x1f3fb && code <= 0x1f3ff;
// Vowels and final consonants of Hangul stand in the cell of the first consonant.
const isJoiningJamo = (code: number): boolean =>
  (code >= 0x1160 && code <= 0x11ff) || (code >= 0xd7b0 && code <= 0xd7fb);

function kindOf(code: number): Kind {
  const text = String.fromCodePoint(code);
  if (/\p{Emoji_Modifier_Base}/u.test(text)) return hand;
  if (/\p{Extended_Pictographic}/u.test(text)) return pictograph;
  return /\p{Regional_Indicator}/u.test(text) ? flagLetter : alone;
}

function widthOf(code: number): 0 | 1 | 2 {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
  if (code === softHyphen) return 1;
  if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(String.fromCodePoint(code)) || isJoiningJamo(code)) return 0;
  return eastAsianWidth(code);
}
