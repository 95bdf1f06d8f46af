import { stampOf } from './file-facts.js';
import type { ReadResult } from './log-file.js';
import type { TrailFile } from './trail-state.js';

const readBytes = 64 * 1024;
// Looking at all that is known of a file's content takes some milliseconds.
const checkMs = 1000;

/**
 * Reads the next block of a file, which every second is first compared with what was read of it before. "suspect": nothing was
 * read of it yet, and it may have been copied and truncated meanwhile.
 */
export async function readChecked(entry: TrailFile, nowMs: number): Promise<ReadResult | { readonly kind: 'suspect' }> {
  if (entry.checked === undefined || nowMs - entry.checked.atMs >= checkMs) {
    const { modifiedNs } = await entry.file.facts();
    const isUntouched = entry.checked?.modifiedNs === modifiedNs;
    if (!isUntouched && !(await entry.file.holds())) return { kind: 'rewritten' };
    entry.checked = { atMs: nowMs, modifiedNs };
  }
  const result = await entry.file.read(readBytes);
  return result.kind !== 'rewritten' && (await mayHaveBeenCopied(entry)) ? { kind: 'suspect' } : result;
}

/** True when a file is still what it was; a thorough look compares all that is known of its content. */
export async function isIntact(entry: TrailFile, isThorough: boolean): Promise<boolean> {
  if (await mayHaveBeenCopied(entry)) return false;
  return isThorough ? entry.file.holds() : (await entry.file.read(1)).kind !== 'rewritten';
}

/** Of a file of which nothing was read no content proves that it is still what it was. */
async function mayHaveBeenCopied({ file, unreadStamp }: TrailFile): Promise<boolean> {
  return file.offset === 0 && unreadStamp !== undefined && stampOf(await file.facts()) !== unreadStamp;
}
