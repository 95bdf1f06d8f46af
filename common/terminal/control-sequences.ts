/** A control sequence that a program sent to its terminal. */
export type ControlSequence =
  /** SO or SI, as one character. */
  | { readonly kind: 'shift'; readonly code: string }
  /** ESC, intermediates, final: `ESC ( 0` has `(` and `0`. */
  | { readonly kind: 'escape'; readonly intermediates: string; readonly final: string }
  /** `CSI ? 25 h` has the prefix `?`, the parameters `25`, no intermediates and the final `h`. */
  | {
      readonly kind: 'csi';
      readonly prefix: string;
      readonly params: string;
      readonly intermediates: string;
      readonly final: string;
    }
  /** `OSC 2 ; text ST` has the number 2. */
  | { readonly kind: 'osc'; readonly number: number; readonly text: string };

/** Reads output for a terminal: where it can be cut, and the control sequences in it. */
export interface SequenceScanner {
  push(bytes: Uint8Array): void;
  /** Bytes at the end of what was pushed that are the beginning of a character or of a control sequence. */
  readonly openBytes: number;
  /** The same, and the character before, which what comes next may join (a mark, a skin tone, a joiner). */
  readonly clusterBytes: number;
}

type State = 'ground' | 'character' | 'escape' | 'control' | 'text' | 'textEscape';

const ESC = 0x1b;
// What is longer (an image, a paste into the clipboard) changes no mode, and is passed over.
const maxKeptBytes = 8192;
// A family joined has 25; what has more is broken.
const maxClusterBytes = 128;

/** A scanner in the ground state, after the parser of P. Williams (vt100.net/emu/dec_ansi_parser). */
export function createSequenceScanner(onSequence: (sequence: ControlSequence) => void): SequenceScanner {
  return new ByteScanner(onSequence);
}

class ByteScanner implements SequenceScanner {
  readonly #onSequence: (sequence: ControlSequence) => void;
  #state: State = 'ground';
  // Bytes that the character still needs, and its first one.
  #needed = 0;
  #lead = 0;
  // The sequence so far; a C1 control is written as the escape that it stands for.
  #kept: number[] = [];
  // Bytes pushed in all, and how many of them lie before what is open, and before the last cluster.
  #at = 0;
  #safeAt = 0;
  #clusterAt = 0;

  constructor(onSequence: (sequence: ControlSequence) => void) {
    this.#onSequence = onSequence;
  }

  get openBytes(): number {
    return this.#at - this.#safeAt;
  }

  get clusterBytes(): number {
    return this.#at - this.#clusterAt;
  }

  push(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#at++;
      if (this.#state === 'ground' && byte >= 0x20 && byte < 0x7f) {
        this.#safeAt = this.#at;
        this.#clusterAt = this.#at - 1;
        continue;
      }
      const isCharacter = this.#state === 'character' && byte >= 0x80 && byte < 0xc0;
      this.#step(byte);
      this.#settle(isCharacter);
    }
  }

  #settle(isCharacter: boolean): void {
    if (this.#state !== 'ground') return;
    if (!isCharacter || this.#at - this.#clusterAt > maxClusterBytes) {
      this.#clusterAt = isCharacter ? this.#safeAt : this.#at;
    }
    this.#safeAt = this.#at;
  }

  #step(byte: number): void {
    const before = this.#state;
    const state = this.#next(byte);
    this.#state = state;
    if (state === 'escape' && byte === ESC) this.#kept = [ESC];
    else if (before === 'character' && state !== 'character' && state !== 'ground') this.#kept = [ESC, byte - 0x40];
    else if (before === 'textEscape' && byte !== 0x5c) this.#kept = [ESC, byte];
    else if (this.#kept.length <= maxKeptBytes && (byte >= 0x20 || isText(before))) this.#kept.push(byte);
    if (state === 'ground' && before !== 'ground' && before !== 'character' && !isAbort(byte)) this.#finish();
  }

  #next(byte: number): State {
    switch (this.#state) {
      case 'ground':
        return this.#onGround(byte);
      case 'character':
        return this.#onCharacter(byte);
      case 'escape':
        return afterEscape(byte);
      case 'control':
        return inControl(byte);
      case 'text':
        return byte === 0x9c && this.#kept.at(-1) === 0xc2 ? 'ground' : inText(byte);
      case 'textEscape':
        return byte === 0x5c ? 'ground' : afterEscape(byte);
    }
  }

  #onGround(byte: number): State {
    if (byte === ESC) return 'escape';
    if (byte === 0x0e || byte === 0x0f) this.#onSequence({ kind: 'shift', code: String.fromCharCode(byte) });
    this.#needed = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
    this.#lead = byte;
    return this.#needed > 0 ? 'character' : 'ground';
  }

  #onCharacter(byte: number): State {
    if (byte < 0x80 || byte >= 0xc0) return this.#onGround(byte);
    this.#needed--;
    if (this.#needed > 0) return 'character';
    return this.#lead === 0xc2 ? afterC1(byte) : 'ground';
  }

  #finish(): void {
    const sequence = parse(Buffer.from(this.#kept));
    if (sequence !== undefined && this.#kept.length <= maxKeptBytes) this.#onSequence(sequence);
  }
}

function isText(state: State): boolean {
  return state === 'text' || state === 'textEscape';
}

function isAbort(byte: number): boolean {
  return byte === 0x18 || byte === 0x1a;
}

function afterEscape(byte: number): State {
  if (byte === ESC || byte < 0x30) return isAbort(byte) ? 'ground' : 'escape';
  if (byte === 0x5b) return 'control';
  return [0x50, 0x58, 0x5d, 0x5e, 0x5f].includes(byte) ? 'text' : 'ground';
}

function afterC1(byte: number): State {
  if (byte === 0x9b) return 'control';
  return [0x90, 0x98, 0x9d, 0x9e, 0x9f].includes(byte) ? 'text' : 'ground';
}

function inControl(byte: number): State {
  if (byte === ESC) return 'escape';
  return isAbort(byte) || (byte >= 0x40 && byte <= 0x7e) ? 'ground' : 'control';
}

function inText(byte: number): State {
  if (byte === ESC) return 'textEscape';
  return isAbort(byte) || byte === 0x07 ? 'ground' : 'text';
}

const csi = /^\[([<-?]*)([0-9:;]*)([ -/]*)([@-~])$/;
const escape = /^([ -/]*)([0-~])$/;

function parse(bytes: Buffer): ControlSequence | undefined {
  if (bytes[1] === 0x5d) return parseOsc(bytes.toString('utf8', 2));
  const text = bytes.toString('latin1', 1);
  const [, prefix = '', params = '', between = '', last = ''] = csi.exec(text) ?? [];
  if (last !== '') return { kind: 'csi', prefix, params, intermediates: between, final: last };
  const [, intermediates = '', final = ''] = escape.exec(text) ?? [];
  return final === '' ? undefined : { kind: 'escape', intermediates, final };
}

/** @param command what stands after `OSC`, its end included: BEL, ESC \ or the C1 control ST. */
function parseOsc(command: string): ControlSequence | undefined {
  const endBytes = command.endsWith('\x1b\\') ? 2 : 1;
  const [number = '', ...rest] = command.slice(0, -endBytes).split(';');
  return /^\d+$/.test(number) ? { kind: 'osc', number: Number(number), text: rest.join(';') } : undefined;
}
