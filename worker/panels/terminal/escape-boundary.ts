/** Finds where output for a terminal can be cut without splitting a character or a control sequence. */
export interface EscapeBoundary {
  /** Looks at the next bytes. @returns how many of them lie before the last place where a cut is harmless. */
  push(bytes: Uint8Array): number;
}

type State = 'ground' | 'character' | 'escape' | 'control' | 'text' | 'textEscape';

const ESC = 0x1b;

/** A scanner in the ground state, after the parser of P. Williams (vt100.net/emu/dec_ansi_parser), reduced to boundaries. */
export function createEscapeBoundary(): EscapeBoundary {
  let state: State = 'ground';
  // Bytes that the character still needs; its first byte, for control characters of two bytes (C1 in UTF-8).
  let needed = 0;
  let lead = 0;

  const onGround = (byte: number): State => {
    if (byte === ESC) return 'escape';
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
        return inText(byte);
      case 'textEscape':
        return byte === 0x5c ? 'ground' : afterEscape(byte);
    }
  };
  return {
    push: (bytes) => {
      let boundary = 0;
      for (let index = 0; index < bytes.length; index++) {
        state = next(bytes[index] ?? 0);
        if (state === 'ground') boundary = index + 1;
      }
      return boundary;
    },
  };
}

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
