import { join } from 'node:path';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { type CheckpointStore, createCheckpointStore } from './checkpoint-store.js';
import { lockDirectory, type DirectoryLock } from '#common/files/directory-lock.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';
import { createIncarnationStore, type IncarnationStore } from './incarnation.js';
import { requirePanelName } from './session-id.js';
import { createSessionRecordStore, type SessionRecordStore } from './session-record.js';
import { storageError } from '#common/errors/storage-error.js';

/** Everything durable of one panel on one node: `<stateDir>/sessions/<panel>/`. One worker at a time has it. */
export interface PanelStorage {
  readonly records: SessionRecordStore;
  readonly incarnations: IncarnationStore;
  readonly checkpoints: CheckpointStore;
  /** Lets the next worker in. Idempotent. */
  close(): Promise<void>;
}

/** What `openPanelStorage` needs. */
export interface PanelStorageDeps {
  readonly stateDir: string;
  readonly panel: string;
  readonly log: Log;
  readonly random: Random;
  /** @default the file system of this machine */
  readonly fileSystem?: FileSystem;
  /** How its directory is locked. @default at once, or not at all */
  readonly lock?: (directory: string) => Promise<DirectoryLock>;
}

/**
 * Creates the directory where it is missing, locks it for this process, and cleans up after a crash.
 * @throws STATE_DIR_UNUSABLE when the directory cannot be used; ALREADY_RUNNING when another worker has it.
 */
export async function openPanelStorage(deps: PanelStorageDeps): Promise<PanelStorage> {
  const fileSystem = deps.fileSystem ?? createNodeFileSystem();
  const directory = join(deps.stateDir, 'sessions', requirePanelName(deps.panel));
  try {
    await fileSystem.mkdirs(directory, 0o700);
  } catch (error) {
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'create the state directory', directory });
  }
  const take = deps.lock ?? ((path: string) => lockDirectory(path, deps));
  const lock = await take(join(directory, 'lock'));
  const records = createSessionRecordStore({ directory, fileSystem });
  try {
    await records.sweep();
  } catch (error) {
    await lock.release();
    throw error;
  }
  return {
    records,
    incarnations: createIncarnationStore({ directory, fileSystem }),
    checkpoints: createCheckpointStore({ directory, fileSystem, log: deps.log }),
    close: () => lock.release(),
  };
}
