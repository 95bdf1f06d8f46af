import { KeyScanner, type KeyPiece } from './key-scanner.js';

/** What a stretch of typed bytes means. */
export interface Typed {
  /** Bytes for the session. */
  readonly bytes: Buffer;
  /** True when the user asked to detach; what came after is dropped. */
  readonly detach: boolean;
}

/** Looks for the detach keys in what is typed. */
export interface DetachKeys {
  take(chunk: Buffer): Typed;
  /** After how many milliseconds without a byte `release` is due; undefined while nothing is held back. */
  readonly releaseAfterMs: number | undefined;
  /** Gives what is held back, and takes a paste for ended. */
  release(): Buffer;
}

/** What the user is told at the start. */
export const detachKeysText = 'ctrl-] d';

// ctrl-] alone is somebody's key binding; it is passed on when nothing follows for this long.
const prefixMs = 800;
// A terminal sends a sequence in one go: what has not come is a key of its own, alt-[.
const sequenceMs = 50;
// A paste whose end is lost must not lock the user in.
const pasteMs = 10_000;

/**
 * Detaches at ctrl-] followed by d, in whatever encoding the program has asked the keyboard for. ctrl-] twice gives one; before
 * anything else it is passed on. In a bracketed paste there are no keys.
 */
export function createDetachKeys(isPasteBracketed: () => boolean): DetachKeys {
  const scanner = new KeyScanner(isPasteBracketed);
  // From a prefix on.
  let held: KeyPiece[] = [];
  const bytesOf = (pieces: readonly KeyPiece[]): readonly number[] => pieces.flatMap((piece) => piece.bytes);

  /** @returns what is passed on because of this key; undefined when it is the second of the detach keys */
  const follow = (piece: KeyPiece): readonly number[] | undefined => {
    const pieces = [...held, piece];
    held = [];
    switch (piece.key) {
      case 'letter':
        return undefined;
      case 'silent':
        held = pieces;
        return [];
      case 'prefix':
        return bytesOf(pieces.slice(1));
      case 'other':
        return bytesOf(pieces);
    }
  };
  return {
    take: (chunk) => {
      const bytes: number[] = [];
      for (const piece of scanner.take(chunk)) {
        if (held.length > 0) {
          const passed = follow(piece);
          if (passed === undefined) return { bytes: Buffer.from(bytes), detach: true };
          bytes.push(...passed);
        } else if (piece.key === 'prefix') held = [piece];
        else bytes.push(...piece.bytes);
      }
      return { bytes: Buffer.from(bytes), detach: false };
    },
    get releaseAfterMs() {
      if (scanner.held.length > 0) return sequenceMs;
      if (held.length > 0) return prefixMs;
      return scanner.inPaste ? pasteMs : undefined;
    },
    release: () => {
      const released = Buffer.from([...bytesOf(held), ...scanner.release()]);
      held = [];
      return released;
    },
  };
}
