import type { LogFile } from './log-file.js';

const blockBytes = 64 * 1024;
const newline = 0x0a;

/** Furthest that `findLastLines` looks back, in bytes. */
export const maxLookBackBytes = 16 * 1024 * 1024;

/**
 * Offset at which the last `lines` lines begin; a last line without its newline counts. Looks back
 * {@link maxLookBackBytes} at most, and then answers with where it gave up.
 */
export async function findLastLines(file: LogFile, lines: number): Promise<number> {
  const { sizeBytes } = await file.facts();
  if (lines === 0) return sizeBytes;
  const limit = Math.max(0, sizeBytes - maxLookBackBytes);
  let found = 0;
  for (let end = sizeBytes; end > limit; end -= blockBytes) {
    const begin = Math.max(limit, end - blockBytes);
    const block = await file.readAt(begin, end - begin);
    for (let index = block.length - 1; index >= 0; index--) {
      // The newline that ends the file ends the last line; it does not begin another.
      if (block[index] !== newline || begin + index === sizeBytes - 1) continue;
      found++;
      if (found === lines) return begin + index + 1;
    }
  }
  return limit;
}
