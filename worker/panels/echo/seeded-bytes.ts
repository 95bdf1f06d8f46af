/**
 * Fills `target` with the bytes that follow `offset` in the stream of a seed: both ends of a test can make them, and
 * any piece of them, without a state. Word k of the stream is the mulberry32 mix of `seed + k · 0x6d2b79f5`.
 */
export function fillSeededBytes(target: Uint8Array, seed: number, offset: number): void {
  let at = 0;
  let word = 0;
  // A piece may begin and end inside a word.
  for (let position = offset; at < target.length; position++, at++) {
    const lane = position % 4;
    if (at === 0 || lane === 0) word = seededWord(seed, Math.floor(position / 4));
    target[at] = word >>> (lane * 8);
  }
}

function seededWord(seed: number, index: number): number {
  const state = (seed + Math.imul(index, 0x6d2b79f5) + Math.imul(Math.floor(index / 4294967296), 0x2545f491)) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return mixed ^ (mixed >>> 14);
}
