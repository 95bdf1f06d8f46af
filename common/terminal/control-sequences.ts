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
  let state: State = 'ground';
  // Bytes that the character still needs, and its first one.
  let needed = 0;
  let lead = 0;
  // The sequence so far; a C1 control is written as the escape that it stands for.
  let kept: number[] = [];

  const onGround = (byte: number): State => {
    if (byte === ESC) return 'escape';
    if (byte === 0x0e || byte === 0x0f) onSequence({ kind: 'shift', code: String.fromCharCode(byte) });
    needed = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
    lead = byte;
    return needed > 0 ? 'character' : 'ground';
  };
  const onCharacter = (byte: number): State => {
    if (byte < 0x80 || byte >= 0xc0) return onGround(byte);
    needed--;
    if (needed > 0) return 'character';
    return lead === 0xc2 ? afterC1(byte) : 'ground';
  };
  const next = (byte: number): State => {
    switch (state) {
      case 'ground':
        return onGround(byte);
      case 'character':
        return onCharacter(byte);
      case 'escape':
        return afterEscape(byte);
      case 'control':
        return inControl(byte);
      case 'text':
        return byte === 0x9c && kept.at(-1) === 0xc2 ? 'ground' : inText(byte);
      case 'textEscape':
        return byte === 0x5c ? 'ground' : afterEscape(byte);
    }
  };
  const finish = (): void => {
    const sequence = parse(Buffer.from(kept));
    if (sequence !== undefined && kept.length <= maxKeptBytes) onSequence(sequence);
  };
  const step = (byte: number): void => {
    const before = state;
    state = next(byte);
    if (state === 'escape' && byte === ESC) kept = [ESC];
    else if (before === 'character' && state !== 'character' && state !== 'ground') kept = [ESC, byte - 0x40];
    else if (before === 'textEscape' && byte !== 0x5c) kept = [ESC, byte];
    else if (kept.length <= maxKeptBytes && (byte >= 0x20 || isText(before))) kept.push(byte);
    if (state === 'ground' && before !== 'ground' && before !== 'character' && !isAbort(byte)) finish();
  };
  // Bytes pushed in all, and how many of them lie before what is open, and before the last cluster.
  let at = 0;
  let safeAt = 0;
  let clusterAt = 0;
  const settle = (isCharacter: boolean): void => {
    if (state !== 'ground') return;
    if (!isCharacter || at - clusterAt > maxClusterBytes) clusterAt = isCharacter ? safeAt : at;
    safeAt = at;
  };
  return {
    push: (bytes) => {
      for (const byte of bytes) {
        at++;
        if (state === 'ground' && byte >= 0x20 && byte < 0x7f) {
          safeAt = at;
          clusterAt = at - 1;
          continue;
        }
        const isCharacter = state === 'character' && byte >= 0x80 && byte < 0xc0;
        step(byte);
        settle(isCharacter);
      }
    },
    get openBytes() {
      return at - safeAt;
    },
    get clusterBytes() {
      return at - clusterAt;
    },
  };
}

const isText = (state: State): boolean => state === 'text' || state === 'textEscape';
const isAbort = (byte: number): boolean => byte === 0x18 || byte === 0x1a;

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
