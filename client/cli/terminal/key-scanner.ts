/** A piece of what is typed. */
export interface KeyPiece {
  readonly bytes: readonly number[];
  /**
   * `prefix` is ctrl-], `letter` is d or D, `other` anything else that is a key. `silent` is none: a key let go, a modifier
   * alone, a report of the mouse, an answer of the terminal, an ESC of which nobody knows yet what it begins.
   */
  readonly key: 'prefix' | 'letter' | 'other' | 'silent';
}

const ESC = 0x1b;
const bracket = 0x5b;
const maxHeld = 64;
const pasteEnd = [ESC, bracket, 0x32, 0x30, 0x31, 0x7e];
const ctrl = 4;
const shift = 1;
// Caps lock and num lock say nothing of the key.
const locks = 64 | 128;
const keyUp = 3;

/** Cuts what is typed into keys, whatever encoding they come in. Begins outside of a paste. */
export class KeyScanner {
  readonly #isPasteBracketed: () => boolean;
  #held: number[] = [];
  /** An ESC at the end of the last chunk was passed on; it may begin a sequence all the same. */
  #escapeSent = false;
  #inPaste = false;
  /** Bytes of the end of the paste that were seen. */
  #matched = 0;
  /** Bytes of a mouse report, yet to come, that are no keys. */
  #positions = 0;

  /** @param isPasteBracketed whether the program has asked for it: else the marks of a paste are no marks */
  constructor(isPasteBracketed: () => boolean) {
    this.#isPasteBracketed = isPasteBracketed;
  }

  /** The beginning of a sequence that is held back. */
  get held(): readonly number[] {
    return this.#held;
  }

  /** Within a paste, where nothing is a key. */
  get inPaste(): boolean {
    return this.#inPaste;
  }

  take(chunk: Buffer): KeyPiece[] {
    const pieces: KeyPiece[] = [];
    const rest = this.#resumeEscape(chunk);
    for (let at = 0; at < rest.length; at++) {
      const end = this.#holdsEscape && !this.#inPaste && isString(rest[at] ?? 0) ? endOfAnswer(rest, at) : 0;
      if (end > 0) {
        pieces.push({ bytes: [...this.#takeHeld(), ...rest.subarray(at, end)], key: 'silent' });
        at = end - 1;
      } else pieces.push(...this.#onByte(rest[at] ?? 0));
    }
    if (this.#holdsEscape) {
      this.#escapeSent = true;
      pieces.push({ bytes: this.#takeHeld(), key: 'silent' });
    }
    return pieces;
  }

  /** Nothing came for a long time: gives up what is held back, or the paste. @returns what was held back */
  release(): readonly number[] {
    this.#escapeSent = false;
    this.#inPaste = false;
    this.#positions = 0;
    return this.#takeHeld();
  }

  get #holdsEscape(): boolean {
    return this.#held.length === 1 && this.#held[0] === ESC;
  }

  #takeHeld(): number[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  /** A bracket that follows the ESC of the last chunk is held in its place. @returns the rest of the chunk */
  #resumeEscape(chunk: Buffer): Buffer {
    const isSequence = this.#escapeSent && chunk[0] === bracket;
    this.#escapeSent = false;
    if (!isSequence) return chunk;
    this.#held = [bracket];
    return chunk.subarray(1);
  }

  #onByte(byte: number): KeyPiece[] {
    if (this.#inPaste) return [this.#onPaste(byte)];
    if (this.#positions > 0) {
      this.#positions--;
      return [{ bytes: [byte], key: 'silent' }];
    }
    return this.#held.length > 0 ? this.#onHeld(byte) : this.#onFirst(byte);
  }

  #onPaste(byte: number): KeyPiece {
    this.#matched = byte === pasteEnd[this.#matched] ? this.#matched + 1 : byte === ESC ? 1 : 0;
    if (this.#matched === pasteEnd.length) this.#inPaste = false;
    return { bytes: [byte], key: 'other' };
  }

  #onFirst(byte: number): KeyPiece[] {
    if (byte === ESC) {
      this.#held = [ESC];
      return [];
    }
    if (byte === 0x1d) return [{ bytes: [byte], key: 'prefix' }];
    return [{ bytes: [byte], key: byte === 0x64 || byte === 0x44 ? 'letter' : 'other' }];
  }

  #onHeld(byte: number): KeyPiece[] {
    const isAfterEscape = this.#holdsEscape;
    const before = this.#takeHeld();
    if (isAfterEscape ? byte === bracket : byte >= 0x30 && byte <= 0x3f && before.length < maxHeld) {
      this.#held = [...before, byte];
      return [];
    }
    if (byte < 0x20) return [{ bytes: before, key: 'other' }, ...this.#onFirst(byte)];
    return isAfterEscape ? [{ bytes: [...before, byte], key: 'other' }] : [this.#onSequence([...before, byte])];
  }

  #onSequence(bytes: number[]): KeyPiece {
    const text = String.fromCharCode(...bytes).replace(/^[^[]*\[/, '');
    if (text === '200~' && this.#isPasteBracketed()) {
      this.#inPaste = true;
      this.#matched = 0;
    }
    if (text === 'M') this.#positions = 3;
    return { bytes, key: keyOf(text) };
  }
}

/** What begins an answer of the terminal after ESC: OSC, DCS, APC. */
function isString(byte: number): boolean {
  return byte === 0x5d || byte === 0x50 || byte === 0x5f;
}

/** Where an answer ends that is there as a whole; 0 where it is not: then it is alt and a key. */
function endOfAnswer(bytes: Buffer, from: number): number {
  const bell = bytes.indexOf(0x07, from);
  const terminator = bytes.indexOf('\x1b\\', from, 'latin1');
  const ends = [bell < 0 ? Infinity : bell + 1, terminator < 0 ? Infinity : terminator + 2];
  const end = Math.min(...ends);
  return Number.isFinite(end) ? end : 0;
}

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
