import { link, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '#common/files/make-directory.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import { storageError, systemCode } from '#common/errors/storage-error.js';
import { writeDurably } from '#common/files/durable-file.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';
import type { UidRange } from './uid-range.js';
import { searchUid } from './uid-search.js';

/** Who has which uid, on this node, for good. */
export interface UidBook {
  /**
   * The uid of an owner; the first time one that nobody had before.
   * @throws LIMIT_EXCEEDED when all are given; CONFIG_INVALID when the owner's is somebody else's; STATE_DIR_UNUSABLE;
   * IDENTITY_REFUSED for a name that is no text
   */
  uidOf(owner: string): Promise<number>;
  /** Everybody who has one, by uid. @throws STATE_DIR_UNUSABLE */
  owners(): Promise<ReadonlyMap<number, string>>;
}

/** Files `<directory>/<uid>` that hold the owner. Several processes may share the directory. */
export function createUidBook(deps: {
  readonly directory: string;
  readonly range: UidRange;
  readonly random: Random;
  /** @default the file system of this machine */
  readonly fileSystem?: FileSystem;
}): UidBook {
  const { directory, range, random, fileSystem = createNodeFileSystem() } = deps;
  // What was read once, and is on the disk for certain, never changes.
  const known = new Map<number, string>();
  const explained = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof PaneletError
        ? error
        : storageError(error, { code: 'STATE_DIR_UNUSABLE', action, directory });
    }
  };
  const readAll = async (): Promise<void> => {
    await makeDirectory(directory, 0o700);
    const found = new Map<number, string>();
    for (const name of await readdir(directory)) {
      if (/^\d+$/.test(name) && !known.has(Number(name))) {
        found.set(Number(name), await readFile(join(directory, name), 'utf8'));
      }
    }
    // Whoever claimed one may not have got so far: after a power cut it would be somebody else's, and the HOME with it.
    if (found.size > 0) await fileSystem.syncDirectory(directory);
    for (const [uid, owner] of found) known.set(uid, owner);
  };
  const claim = async (uid: number, owner: string): Promise<void> => {
    const aside = join(directory, `.${random.uuid()}`);
    try {
      await writeDurably(aside, owner, fileSystem);
      await link(aside, join(directory, String(uid)));
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    } finally {
      await unlink(aside).catch(() => undefined);
    }
  };
  const search = async (owner: string): Promise<number> => {
    // Read again it would be another name, which has no uid yet: one owner would take them all.
    if (Buffer.from(owner).toString() !== owner) {
      throw new PaneletError('IDENTITY_REFUSED', 'Your identity is no text (Unicode), so it cannot have a uid here.');
    }
    for (;;) {
      await readAll();
      const step = searchUid(range, owner, (uid) => known.get(uid));
      if (step.kind === 'found') return step.uid;
      if (step.kind === 'claim') await claim(step.uid, owner);
      else refuse(step.kind, range);
    }
  };
  return {
    uidOf: (owner) => explained('give a uid to an owner', () => search(owner)),
    owners: () => explained('read who has which uid', () => readAll().then(() => new Map(known))),
  };
}

function refuse(kind: 'taken' | 'exhausted', range: UidRange): never {
  if (kind === 'taken') {
    throw new PaneletError(
      'CONFIG_INVALID',
      'The uid that "uids" gives to your identity was given to another one on this node. An administrator must choose another.',
    );
  }
  throw new PaneletError(
    'LIMIT_EXCEEDED',
    `All ${range.count} uids for owners of terminals are given on this node, and none is given twice. An administrator must add some ("uids").`,
  );
}
