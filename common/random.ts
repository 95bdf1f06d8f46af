import { randomBytes, randomUUID } from 'node:crypto';

/** Source of randomness; tests have one that repeats itself. */
export interface Random {
  /** A number in [0, 1). */
  number(): number;
  /** `sizeBytes` bytes; unpredictable in the system's source. */
  bytes(sizeBytes: number): Uint8Array;
  /** A UUID, version 4. */
  uuid(): string;
}

/** Randomness of this machine, fit for tokens. */
export function createSystemRandom(): Random {
  return {
    number: () => Math.random(),
    bytes: (sizeBytes) => randomBytes(sizeBytes),
    uuid: () => randomUUID(),
  };
}

/** The same sequence for the same seed (mulberry32). Never for tokens. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const bytes = (sizeBytes: number): Buffer => {
    const out = Buffer.allocUnsafe(sizeBytes);
    for (let index = 0; index < sizeBytes; index++) out[index] = Math.floor(number() * 256);
    return out;
  };
  return {
    number,
    bytes,
    uuid: () => {
      const raw = bytes(16);
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
      return raw.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
  };
}
