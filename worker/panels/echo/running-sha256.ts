import { PaneletError } from '#common/errors/errors.js';

/** A SHA-256 under way that can be written down and continued in another process, which node:crypto's cannot. */
export interface RunningSha256 {
  /** Adds bytes. How they are cut makes no difference. */
  update(bytes: Uint8Array): void;
  /** Hash of everything so far, in hex; more may be added afterwards. */
  digest(): string;
  /** Bytes so far. */
  readonly sizeBytes: number;
  /** Everything needed to continue. Plain data. */
  save(): RunningSha256State;
}

/** A {@link RunningSha256} at rest. */
export interface RunningSha256State {
  /** The eight chaining words. */
  readonly words: readonly number[];
  /** Bytes of the block that is not full yet, in hex. */
  readonly rest: string;
  readonly sizeBytes: number;
}

const blockBytes = 64;
const initialWords = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/**
 * SHA-256 after FIPS 180-4, section 6.2.
 * @param state continues from there; a fresh one starts with nothing.
 * @throws CHECKPOINT_UNREADABLE when the state contradicts itself.
 */
export function createRunningSha256(state?: RunningSha256State): RunningSha256 {
  const words = Int32Array.from(state?.words ?? initialWords);
  const schedule = new Int32Array(64);
  const block = Buffer.alloc(blockBytes);
  const rest = Buffer.from(state?.rest ?? '', 'hex');
  let sizeBytes = state?.sizeBytes ?? 0;
  if (words.length !== 8 || rest.length !== sizeBytes % blockBytes) {
    throw new PaneletError('CHECKPOINT_UNREADABLE', 'The saved hash contradicts itself.');
  }
  rest.copy(block);

  return {
    update: (bytes) => {
      let used = sizeBytes % blockBytes;
      let from = 0;
      sizeBytes += bytes.length;
      if (used > 0) {
        from = Math.min(blockBytes - used, bytes.length);
        block.set(bytes.subarray(0, from), used);
        used += from;
        if (used < blockBytes) return;
        compress(words, schedule, block, 0);
      }
      for (; from + blockBytes <= bytes.length; from += blockBytes) compress(words, schedule, bytes, from);
      block.set(bytes.subarray(from));
    },
    digest: () => finish(words, block, sizeBytes),
    get sizeBytes() {
      return sizeBytes;
    },
    save: () => ({ words: [...words], rest: block.toString('hex', 0, sizeBytes % blockBytes), sizeBytes }),
  };
}

/** Pads a copy: 0x80, zeros, and the length in bits (FIPS 180-4, section 5.1.1). */
function finish(words: Int32Array, block: Buffer, sizeBytes: number): string {
  const used = sizeBytes % blockBytes;
  const tail = Buffer.alloc(used < 56 ? blockBytes : 2 * blockBytes);
  block.copy(tail, 0, 0, used);
  tail[used] = 0x80;
  tail.writeBigUInt64BE(BigInt(sizeBytes) * 8n, tail.length - 8);
  const last = Int32Array.from(words);
  for (let from = 0; from < tail.length; from += blockBytes) compress(last, new Int32Array(64), tail, from);
  const out = Buffer.alloc(32);
  last.forEach((word, index) => out.writeInt32BE(word, index * 4));
  return out.toString('hex');
}

// First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, section 4.2.2).
const roundConstants = Int32Array.from([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** One block into the chaining words (FIPS 180-4, section 6.2.2). `?? 0` pleases the compiler only; it costs nothing. */
function compress(words: Int32Array, schedule: Int32Array, bytes: Uint8Array, from: number): void {
  expand(schedule, bytes, from);
  let a = words[0] ?? 0;
  let b = words[1] ?? 0;
  let c = words[2] ?? 0;
  let d = words[3] ?? 0;
  let e = words[4] ?? 0;
  let f = words[5] ?? 0;
  let g = words[6] ?? 0;
  let h = words[7] ?? 0;
  for (let t = 0; t < 64; t++) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const choice = (e & f) ^ (~e & g);
    const first = (h + sum1 + choice + (roundConstants[t] ?? 0) + (schedule[t] ?? 0)) | 0;
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const second = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  words[0] = (words[0] ?? 0) + a;
  words[1] = (words[1] ?? 0) + b;
  words[2] = (words[2] ?? 0) + c;
  words[3] = (words[3] ?? 0) + d;
  words[4] = (words[4] ?? 0) + e;
  words[5] = (words[5] ?? 0) + f;
  words[6] = (words[6] ?? 0) + g;
  words[7] = (words[7] ?? 0) + h;
}

/** The message schedule of a block (FIPS 180-4, section 6.2.2, step 1). */
function expand(schedule: Int32Array, bytes: Uint8Array, from: number): void {
  for (let t = 0, at = from; t < 16; t++, at += 4) {
    schedule[t] =
      ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  }
  for (let t = 16; t < 64; t++) {
    const x = schedule[t - 15] ?? 0;
    const y = schedule[t - 2] ?? 0;
    const sigma0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const sigma1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    schedule[t] = (schedule[t - 16] ?? 0) + sigma0 + (schedule[t - 7] ?? 0) + sigma1;
  }
}
