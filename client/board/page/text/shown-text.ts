const cutMark = '…';
const firstPicture = 0x2400;
const deleteSign = '\u2421';

/**
 * Text of others, fit for one line of the page: at most `most` characters; what would be invisible, or turn the direction of what
 * stands beside it, is shown as a sign or as its code.
 */
export function shownText(text: string, most = 200): string {
  return visible(cut(text, most), false);
}

/** The same with its lines: for what is meant to have several. */
export function shownLines(text: string, most = 8_000): string {
  return visible(cut(text, most), true);
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  const isHalf = last >= 0xd800 && last < 0xdc00;
  return `${text.slice(0, isHalf ? most - 1 : most)}${cutMark}`;
}

function visible(text: string, keepsLines: boolean): string {
  let out = '';
  for (const character of text) out += signOf(character, keepsLines);
  return out;
}

function signOf(character: string, keepsLines: boolean): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return keepsLines && (code === 0x0a || code === 0x09) ? character : pictureOf(code);
  if (code === 0x7f) return deleteSign;
  return isUnseen(code) ? `⟨${code.toString(16).toUpperCase().padStart(4, '0')}⟩` : character;
}

const pictureOf = (code: number): string => String.fromCharCode(firstPicture + code);

/** C1 controls, marks that change direction, separators of lines, joins that show nothing, halves of characters. */
function isUnseen(code: number): boolean {
  return (
    (code >= 0x80 && code < 0xa0) ||
    code === 0x61c ||
    code === 0x200b ||
    (code >= 0x200e && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    (code >= 0xd800 && code < 0xe000) ||
    code === 0xfeff
  );
}
