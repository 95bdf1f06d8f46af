import { chmod, lchown, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '#common/files/make-directory.js';
import { PaneletError } from '#common/errors/errors.js';
import { storageError, systemCode } from '#common/errors/storage-error.js';

/**
 * Makes a directory below which owners have theirs: everybody may pass through it, only this process writes in it.
 * @throws STATE_DIR_UNUSABLE
 */
export async function makePassage(directory: string): Promise<void> {
  try {
    await makeDirectory(directory, 0o711);
    // The umask may have taken the others' right.
    await chmod(directory, 0o711);
  } catch (error) {
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'make a directory for owners', directory });
  }
}

/**
 * Makes `<passage>/<uid>`, mode 0700, of that uid. This process never looks into it afterwards.
 * @returns its path
 * @throws STATE_DIR_UNUSABLE
 */
export async function makeOwnDirectory(passage: string, uid: number): Promise<string> {
  const directory = join(passage, String(uid));
  try {
    await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
    const found = await lstat(directory);
    if (!found.isDirectory())
      throw new PaneletError('STATE_DIR_UNUSABLE', `${directory} is not a directory. Remove it.`);
    // Also one that a crash left between the two calls.
    if (found.uid !== uid || found.gid !== uid) await lchown(directory, uid, uid);
    return directory;
  } catch (error) {
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'make the directory of an owner', directory });
  }
}
