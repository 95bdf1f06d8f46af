import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { PaneletError } from '#common/errors.js';
import type { CheckpointStore } from './checkpoint-store.js';
import type { FileSystem } from './file-system.js';
import type { IncarnationStore } from './incarnation.js';
import type { SessionRecordStore } from './session-record.js';

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
}

/**
 * Creates the directory where it is missing, and locks it for this process.
 * @throws STATE_DIR_UNUSABLE when the directory cannot be used; ALREADY_RUNNING when another worker has it.
 */
export function openPanelStorage(_deps: PanelStorageDeps): Promise<PanelStorage> {
  return Promise.reject(new PaneletError('INTERNAL', 'not built yet'));
}
