/** A piece of what is typed. */
export interface KeyPiece {
  readonly bytes: readonly number[];
  /**
   * `prefix` is ctrl-], `letter` is d or D, `other` anything else that is a key. `silent` is none: a key let go, a modifier
   * alone, a report of the mouse, an answer of the terminal, an ESC of which nobody knows yet what it begins.
   */
  readonly key: 'prefix' | 'letter' | 'other' | 'silent';
}

/** Cuts what is typed into keys, whatever encoding they come in. */
export interface KeyScanner {
  take(chunk: Buffer): KeyPiece[];
  /** The beginning of a sequence that is held back. */
  readonly held: readonly number[];
  /** Within a paste, where nothing is a key. */
  readonly inPaste: boolean;
  /** Nothing came for a long time: gives up what is held back, or the paste. @returns what was held back */
  release(): readonly number[];
}

const ESC = 0x1b;
const bracket = 0x5b;
const maxHeld = 64;
const pasteEnd = [ESC, bracket, 0x32, 0x30, 0x31, 0x7e];

/**
 * A scanner outside of a paste.
 * @param isPasteBracketed whether the program has asked for it: else the marks of a paste are no marks
 */
export function createKeyScanner(isPasteBracketed: () => boolean): KeyScanner {
  let held: number[] = [];
  // An ESC at the end of the last chunk was passed on; it may begin a sequence all the same.
  let escapeSent = false;
  let inPaste = false;
  // Bytes of its end that were seen.
  let matched = 0;
  // Bytes of a mouse report that are no keys.
  let positions = 0;

  const onSequence = (bytes: number[]): KeyPiece => {
    const text = String.fromCharCode(...bytes).replace(/^[^[]*\[/, '');
    if (text === '200~' && isPasteBracketed()) {
      inPaste = true;
      matched = 0;
    }
    if (text === 'M') positions = 3;
    return { bytes, key: keyOf(text) };
  };
  const onPaste = (byte: number): KeyPiece => {
    matched = byte === pasteEnd[matched] ? matched + 1 : byte === ESC ? 1 : 0;
    if (matched === pasteEnd.length) inPaste = false;
    return { bytes: [byte], key: 'other' };
  };
  const onFirst = (byte: number): KeyPiece[] => {
    if (byte === ESC) {
      held = [ESC];
      return [];
    }
    if (byte === 0x1d) return [{ bytes: [byte], key: 'prefix' }];
    return [{ bytes: [byte], key: byte === 0x64 || byte === 0x44 ? 'letter' : 'other' }];
  };
  const onHeld = (byte: number): KeyPiece[] => {
    const before = held;
    held = [];
    const isAfterEscape = before.length === 1 && before[0] === ESC;
    if (isAfterEscape ? byte === bracket : byte >= 0x30 && byte <= 0x3f && before.length < maxHeld) {
      held = [...before, byte];
      return [];
    }
    if (byte < 0x20) return [{ bytes: before, key: 'other' }, ...onFirst(byte)];
    return isAfterEscape ? [{ bytes: [...before, byte], key: 'other' }] : [onSequence([...before, byte])];
  };
  const onByte = (byte: number): KeyPiece[] => {
    if (inPaste) return [onPaste(byte)];
    if (positions > 0) {
      positions--;
      return [{ bytes: [byte], key: 'silent' }];
    }
    return held.length > 0 ? onHeld(byte) : onFirst(byte);
  };
  return {
    take: (chunk) => {
      const pieces: KeyPiece[] = [];
      let rest = chunk;
      if (escapeSent && rest[0] === bracket) {
        held = [bracket];
        rest = rest.subarray(1);
      }
      escapeSent = false;
      for (let at = 0; at < rest.length; at++) {
        const isAnswer = !inPaste && held.length === 1 && held[0] === ESC && isString(rest[at] ?? 0);
        const end = isAnswer ? endOfAnswer(rest, at) : 0;
        if (end > 0) {
          pieces.push({ bytes: [...held, ...rest.subarray(at, end)], key: 'silent' });
          held = [];
          at = end - 1;
        } else pieces.push(...onByte(rest[at] ?? 0));
      }
      if (held.length === 1 && held[0] === ESC) {
        held = [];
        escapeSent = true;
        pieces.push({ bytes: [ESC], key: 'silent' });
      }
      return pieces;
    },
    get held() {
      return held;
    },
    get inPaste() {
      return inPaste;
    },
    release: () => {
      const released = held;
      held = [];
      escapeSent = false;
      inPaste = false;
      positions = 0;
      return released;
    },
  };
}

/** What begins an answer of the terminal after ESC: OSC, DCS, APC. */
const isString = (byte: number): boolean => byte === 0x5d || byte === 0x50 || byte === 0x5f;

/** Where an answer ends that is there as a whole; 0 where it is not: then it is alt and a key. */
function endOfAnswer(bytes: Buffer, from: number): number {
  const bell = bytes.indexOf(0x07, from);
  const terminator = bytes.indexOf('\x1b\\', from, 'latin1');
  const ends = [bell < 0 ? Infinity : bell + 1, terminator < 0 ? Infinity : terminator + 2];
  const end = Math.min(...ends);
  return Number.isFinite(end) ? end : 0;
}

const ctrl = 4;
const shift = 1;
// Caps lock and num lock say nothing of the key.
const locks = 64 | 128;
const keyUp = 3;

/**
 * A key in the encodings of kitty (`code:shifted:base;modifiers:event;text u`, sw.kovidgoyal.net/kitty/keyboard-protocol) and of
 * xterm's modifyOtherKeys (`27;modifiers;code ~`).
 */
function keyOf(sequence: string): KeyPiece['key'] {
  if (/^[<=>?]|^M$|[IORcnty]$/.test(sequence)) return 'silent';
  const kitty = /^(\d+)(?::(\d*))?(?::(\d*))?(?:;(\d*)(?::(\d*))?)?(?:;[\d:]*)?u$/.exec(sequence);
  if (kitty) {
    const [, code = '', , base = '', modifiers = '', event = ''] = kitty;
    if (Number(event) >= 2 && (Number(event) === keyUp || Number(code) === 93)) return 'silent';
    return keyOfCode(Number(code), Number(base), Number(modifiers));
  }
  const xterm = /^27;(\d+);(\d+)~$/.exec(sequence);
  return xterm ? keyOfCode(Number(xterm[2]), 0, Number(xterm[1])) : 'other';
}

/** @param base the key of an English keyboard in the same place; 0 when it was not said */
function keyOfCode(code: number, base: number, modifiers: number): KeyPiece['key'] {
  const isModifier = (code >= 57_441 && code <= 57_454) || (code >= 57_358 && code <= 57_360);
  if (isModifier) return 'silent';
  const held = Math.max(modifiers - 1, 0) & ~locks;
  // A keyboard that has Latin letters says itself which; of others the place counts.
  const key = code > 127 && base > 0 ? base : code;
  if (key === 93 && held === ctrl) return 'prefix';
  return (key === 100 || key === 68) && (held & ~shift) === 0 ? 'letter' : 'other';
}
