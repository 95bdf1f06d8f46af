import { join } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';
import { isNewest, type Instances } from '#common/files/instances.js';
import { joinInstances } from '#common/files/join-instances.js';
import { storageError } from '#common/errors/storage-error.js';
import { type CheckpointStore, createCheckpointStore } from './checkpoint-store.js';
import { createIncarnationStore } from './incarnation.js';
import { forgetDeadInstances, InstanceFile, meetingPlaceOf } from './instances.js';
import { InstancesInService } from './instances-in-service.js';
import { RetiredPods } from './retired-pods.js';
import { requirePanelName } from './session-id.js';
import { SessionOwnership } from './session-ownership.js';
import { createSessionRecordStore, type SessionRecordStore } from './session-record.js';

/** Everything durable of one panel on one node: `<stateDir>/sessions/<panel>/`, and who of its workers has what of it. */
export interface PanelStorage {
  readonly records: SessionRecordStore;
  readonly checkpoints: CheckpointStore;
  readonly ownership: SessionOwnership;
  readonly instances: Instances;
  /** Which pods of the workers retire. */
  readonly retiredPods: RetiredPods;
  /** Looks anew which workers retire. @throws what the system says */
  lookWhoRetires(): Promise<void>;
  /** Removes what the dead have left half made or half removed, where that is this instance's to do. @throws STATE_DIR_UNUSABLE */
  sweep(): Promise<void>;
  /** Leaves all that this worker has to the others, and lets the next one in. Idempotent. */
  close(): Promise<void>;
}

/** What `openPanelStorage` needs. */
export interface PanelStorageDeps {
  readonly stateDir: string;
  readonly panel: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  /** @default the file system of this machine */
  readonly fileSystem?: FileSystem;
  /** How this worker comes to be one of those that have the directory. @default at once and alone, or not at all */
  readonly join?: (directory: string) => Promise<Instances>;
}

/**
 * Creates the directory where it is missing, joins those who have it, and cleans up after a crash.
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
  const alone = { isBeside: false, waitMs: 0, signal: new AbortController().signal };
  const instances = await (deps.join ?? ((path: string) => joinInstances(meetingPlaceOf(path), { ...deps, ...alone })))(
    directory,
  );
  const storage = storageOf(directory, { instances, fileSystem, log: deps.log });
  try {
    await forgetDeadInstances(directory, instances, fileSystem);
    await storage.lookWhoRetires();
    await storage.sweep();
    return storage;
  } catch (error) {
    await instances.release();
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'clean up', directory });
  }
}

interface StorageParts {
  readonly instances: Instances;
  readonly fileSystem: FileSystem;
  readonly log: Log;
}

function storageOf(directory: string, { instances: all, fileSystem, log }: StorageParts): PanelStorage {
  const retiredPods = new RetiredPods(directory, { fileSystem, log });
  const instances = new InstancesInService(all, retiredPods, log);
  const records = createSessionRecordStore({ directory, fileSystem });
  const instanceFile = new InstanceFile(directory, instances.own, fileSystem);
  const incarnations = createIncarnationStore({ directory, instanceFile, fileSystem });
  const ownership = new SessionOwnership({ directory, incarnations, instances, fileSystem });
  return {
    records,
    checkpoints: createCheckpointStore({ directory, fileSystem, log }),
    ownership,
    instances,
    retiredPods,
    lookWhoRetires: () => instances.look(),
    sweep: async () => {
      if (await isNewest(instances)) await records.sweep((sessionId) => ownership.isAbandoned(sessionId));
    },
    close: () => instances.release(),
  };
}
