import { dirname } from 'node:path';
import { createNodeFileSystem, type FileSystem } from './file-system.js';

/** Where a file is written first, beside its place. */
export function temporaryPath(path: string): string {
  return `${path}.tmp`;
}

/**
 * Puts a file in place so that a reader, now or after a power cut, finds the old content or all of the new: written
 * aside, fsynced, read back and compared, renamed, directory fsynced. Mode 0600. After a failure nothing is left
 * aside, unless removing that fails too. Where several processes may write the same file, each has its own path `aside` in the same directory.
 * @throws what the file system throws, or an error when the disk returns other bytes than were written.
 */
export async function writeDurably(
  path: string,
  content: string | Uint8Array,
  fileSystem: FileSystem = createNodeFileSystem(),
  aside = temporaryPath(path),
): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    const file = await fileSystem.create(aside, 0o600);
    try {
      await file.write(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    const back = await fileSystem.read(aside);
    if (!back.equals(bytes)) {
      throw new Error(`${aside} holds other bytes than were written to it; the disk cannot be trusted`);
    }
    await fileSystem.rename(aside, path);
  } catch (error) {
    await fileSystem.unlink(aside).catch(() => undefined);
    throw error;
  }
  await fileSystem.syncDirectory(dirname(path));
}
