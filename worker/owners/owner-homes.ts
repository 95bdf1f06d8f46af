import { lstat, realpath, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PaneletError } from '#common/errors/errors.js';
import { systemCode } from '#common/errors/storage-error.js';
import { mountsBelow } from './mounts-below.js';

/** Removes HOMEs in two steps: between them the owner can have a new one. */
export interface OwnerHomes {
  /**
   * Takes a HOME away from its owner, in one step of the kernel: `<homes>/<uid>` becomes `<homes>/<uid>.removed`.
   * @throws STATE_DIR_UNUSABLE when something is mounted in it, or it is not his; what the file system throws
   */
  setAside(uid: number): Promise<void>;
  /**
   * Removes what was set aside, now or before a crash; what is in it as its owner.
   * @returns false when nothing was
   * @throws STATE_DIR_UNUSABLE when something stays; what the file system throws
   */
  removeAside(uid: number): Promise<boolean>;
}

/** What `createOwnerHomes` needs. */
export interface OwnerHomesDeps {
  /** Directory of the HOMEs; this process may rename in it. */
  readonly homes: string;
  /** Runs a script of /bin/sh as a uid. @returns its exit code */
  readonly run: (uid: number, script: string, args: readonly string[]) => Promise<number>;
  /** Text of /proc/self/mountinfo. */
  readonly mountInfo: () => Promise<string>;
}

// Directories first get back the rights that he may have taken from himself. Neither follows links or enters other file systems.
const emptyScript = [
  'chmod u+rwx -- "$1" && cd -- "$1" || exit 1',
  'find . -xdev -mindepth 1 -type d ! -perm -700 -execdir chmod u+rwx -- {} \\;',
  'find . -xdev -mindepth 1 -delete',
].join('; ');

/** HOMEs as directories of this machine. This process never looks into them. */
export function createOwnerHomes({ homes, run, mountInfo }: OwnerHomesDeps): OwnerHomes {
  const requireOwn = async (directory: string, uid: number): Promise<void> => {
    const found = await lstat(directory);
    if (!found.isDirectory() || found.uid !== uid) throw unusable(`${directory} is not a directory of the uid ${uid}`);
    const [mount] = mountsBelow(await mountInfo(), await realpath(directory));
    if (mount !== undefined) throw unusable(`something is mounted on ${mount}`);
  };
  return {
    setAside: async (uid) => {
      const home = join(homes, String(uid));
      if (!(await exists(home))) return;
      await requireOwn(home, uid);
      await rename(home, asideOf(homes, uid));
    },
    removeAside: async (uid) => {
      const aside = asideOf(homes, uid);
      if (!(await exists(aside))) return false;
      await requireOwn(aside, uid);
      const code = await run(uid, emptyScript, [aside]);
      if (code !== 0) throw unusable(`not all in ${aside} could be removed as its owner (exit code ${code})`);
      await rmdir(aside);
      return true;
    },
  };
}

const asideOf = (homes: string, uid: number): string => join(homes, `${uid}.removed`);

const unusable = (reason: string): PaneletError =>
  new PaneletError('STATE_DIR_UNUSABLE', `A HOME cannot be removed: ${reason}. An administrator must see to it.`);

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
