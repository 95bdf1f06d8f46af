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
  /** True while a prefix is held back. */
  readonly pending: boolean;
  /** Gives the prefix that is held back: nothing followed it in time. */
  release(): Buffer;
}

/** What the user is told at the start. */
export const detachKeysText = 'ctrl-] d';

const prefix = 0x1d;
const nothing = Buffer.alloc(0);

/** Detaches at ctrl-] followed by d. ctrl-] twice gives one; before anything else it is passed on. */
export function createDetachKeys(): DetachKeys {
  let pending = false;
  return {
    take: (chunk) => {
      const bytes: number[] = [];
      for (const byte of chunk) {
        if (!pending) {
          if (byte === prefix) pending = true;
          else bytes.push(byte);
          continue;
        }
        pending = false;
        if (byte === 0x64 || byte === 0x44) return { bytes: Buffer.from(bytes), detach: true };
        bytes.push(prefix);
        if (byte !== prefix) bytes.push(byte);
      }
      return { bytes: Buffer.from(bytes), detach: false };
    },
    get pending() {
      return pending;
    },
    release: () => {
      if (!pending) return nothing;
      pending = false;
      return Buffer.from([prefix]);
    },
  };
}
