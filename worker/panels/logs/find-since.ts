import type { LogFile } from './log-file.js';
import { readLineTime } from './line-time.js';

const blockBytes = 64 * 1024;
const newline = 0x0a;
// Enough for a time, also behind the end of a block.
const timeBytes = 64;

interface TimedLine {
  readonly offset: number;
  readonly timeMs: number;
}

/** What `findSince` looks for. */
export interface SinceSearch {
  /** In milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly now: Date;
}

/**
 * Offset of the first line that begins with a time at or after a moment; the size of the file when there is none. Takes it
 * that times go up, and looks at a few blocks only. Lines without a time belong to the one before.
 * @returns undefined when no line of the first 64 KiB begins with a time.
 */
export async function findSince(file: LogFile, { sinceMs, now }: SinceSearch): Promise<number | undefined> {
  const { sizeBytes } = await file.facts();
  if (sizeBytes === 0) return 0;
  const timedIn = async (from: number): Promise<readonly TimedLine[]> => {
    // One byte more tells whether a line begins at `from`.
    const start = Math.max(0, from - 1);
    const block = await file.readAt(start, Math.min(blockBytes + timeBytes, sizeBytes - start));
    return linesOf(block, start).flatMap(({ offset, text }) => {
      const timeMs = readLineTime(text, now);
      return timeMs === undefined ? [] : [{ offset, timeMs }];
    });
  };
  if ((await timedIn(0)).length === 0) return undefined;
  let low = 0;
  let high = sizeBytes;
  while (high - low > blockBytes) {
    const middle = Math.floor((low + high) / 2);
    const [first] = await timedIn(middle);
    // A block without a time: look before it, where the line is to which it belongs.
    if (first === undefined || first.timeMs >= sinceMs) high = middle;
    else low = first.offset;
  }
  for (let from = low; from < sizeBytes; from += blockBytes - 1) {
    const found = (await timedIn(from)).find(({ timeMs }) => timeMs >= sinceMs);
    if (found) return found.offset;
  }
  return sizeBytes;
}

/** The beginnings of the lines that begin in a block. */
function linesOf(block: Buffer, start: number): readonly { readonly offset: number; readonly text: string }[] {
  const begins = start === 0 ? [0] : [];
  for (let at = block.indexOf(newline); at >= 0; at = block.indexOf(newline, at + 1)) begins.push(at + 1);
  return begins
    .filter((at) => at < Math.min(block.length, blockBytes))
    .map((at) => ({ offset: start + at, text: block.toString('latin1', at, at + timeBytes) }));
}
