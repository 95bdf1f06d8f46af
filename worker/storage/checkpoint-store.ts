import { join } from 'node:path';
import type { Log } from '#common/log.js';
import { PaneletError, isPaneletError } from '#common/errors/errors.js';
import { decodeCheckpoint, encodeCheckpoint, sha256Hex } from './checkpoint-format.js';
import { temporaryPath, writeDurably } from '#common/files/durable-file.js';
import type { FileSystem } from '#common/files/file-system.js';
import { requireSessionId } from './session-id.js';
import { storageError, systemCode } from '#common/errors/storage-error.js';

/** A checkpoint that is complete on disk. */
export interface SealedCheckpoint {
  /** Size of the content in bytes, without the header. */
  readonly sizeBytes: number;
  /** SHA-256 of the content in hex. */
  readonly sha256: string;
}

/** Checkpoints of one panel's sessions. A sealed one is used at most once (invariant I13). */
export interface CheckpointStore {
  /**
   * Writes and seals a checkpoint: written aside, fsynced, read back and compared, renamed, directory fsynced. When it
   * throws, there is no sealed checkpoint, or (the disk failing even to clean up) a complete one; so `consume` must
   * have succeeded before the session goes on in either case.
   * @throws CHECKPOINT_FAILED, STATE_DIR_UNUSABLE
   */
  seal(sessionId: string, content: Uint8Array): Promise<SealedCheckpoint>;
  /**
   * Checks header, length and hash.
   * @returns undefined when nothing is sealed.
   * @throws CHECKPOINT_UNREADABLE when it is damaged; the file is then kept as checkpoint.unreadable. STATE_DIR_UNUSABLE when
   * nobody can say now, as where too many files are open: another try may find it whole.
   */
  verify(sessionId: string): Promise<SealedCheckpoint | undefined>;
  /** Content of the sealed checkpoint, verified. Same outcomes as `verify`. */
  read(sessionId: string): Promise<Buffer | undefined>;
  /**
   * Makes the sealed checkpoint unusable, durably, before the session goes on: renames it to
   * checkpoint.consumed-<incarnation>. Keeps the last consumed one for a look after trouble. After a failure it is sealed still
   * wherever the disk lets it be.
   * @returns false when nothing was sealed.
   * @throws CHECKPOINT_FAILED, STATE_DIR_UNUSABLE; the session must not go on then.
   */
  consume(sessionId: string, incarnation: number): Promise<boolean>;
}

/** What the store needs. */
export interface CheckpointStoreDeps {
  /** Directory that holds a directory for each session. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly log: Log;
}

const consumedPrefix = 'checkpoint.consumed-';

/** Checkpoints in `<directory>/<session id>/`; the session's directory must exist. */
export function createCheckpointStore(deps: CheckpointStoreDeps): CheckpointStore {
  return new FileCheckpointStore(deps);
}

class FileCheckpointStore implements CheckpointStore {
  readonly #root: string;
  readonly #fileSystem: FileSystem;
  readonly #log: Log;

  constructor({ directory, fileSystem, log }: CheckpointStoreDeps) {
    this.#root = directory;
    this.#fileSystem = fileSystem;
    this.#log = log;
  }

  async seal(sessionId: string, content: Uint8Array): Promise<SealedCheckpoint> {
    const directory = this.#directoryOf(sessionId);
    try {
      await writeDurably(sealedIn(directory), encodeCheckpoint(content), this.#fileSystem);
    } catch (error) {
      await this.#discard(directory);
      throw storageError(error, { code: 'CHECKPOINT_FAILED', action: 'write the checkpoint', directory });
    }
    return describe(content);
  }

  async verify(sessionId: string): Promise<SealedCheckpoint | undefined> {
    const content = await this.read(sessionId);
    return content && describe(content);
  }

  async read(sessionId: string): Promise<Buffer | undefined> {
    const directory = this.#directoryOf(sessionId);
    try {
      return decodeCheckpoint(await this.#fileSystem.read(sealedIn(directory)));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      // A disk that cannot read it is a damage; a process or a machine that cannot now is none.
      if (!isPaneletError(error, 'CHECKPOINT_UNREADABLE') && systemCode(error) !== 'EIO') {
        throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'read the checkpoint', directory });
      }
      throw await this.#keepUnreadable(sessionId, directory, error as Error);
    }
  }

  async consume(sessionId: string, incarnation: number): Promise<boolean> {
    const directory = this.#directoryOf(sessionId);
    const consumed = `${consumedPrefix}${incarnation}`;
    const found = await this.#setAside(directory, consumed);
    if (found) {
      await this.#forgetConsumed(directory, consumed).catch((error: unknown) => {
        this.#log.warn({ err: error, directory }, 'Cannot remove old consumed checkpoints');
      });
    }
    return found;
  }

  #directoryOf(sessionId: string): string {
    return join(this.#root, requireSessionId(sessionId));
  }

  /** After a failed seal: no file that could be taken for the session's present state. */
  async #discard(directory: string): Promise<void> {
    const sealed = sealedIn(directory);
    for (const path of [temporaryPath(sealed), sealed]) {
      await this.#fileSystem.unlink(path).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return;
        this.#log.warn({ err: error, path }, 'Cannot remove a checkpoint that failed');
      });
    }
    await this.#fileSystem.syncDirectory(directory).catch(() => undefined);
  }

  /** Renames a damaged checkpoint, so that it is kept and not tried again; returns the error that says so. */
  async #keepUnreadable(sessionId: string, directory: string, cause: Error): Promise<PaneletError> {
    const sealed = sealedIn(directory);
    const kept = join(directory, 'checkpoint.unreadable');
    await this.#fileSystem.rename(sealed, kept).catch((error: unknown) => {
      this.#log.warn({ err: error, path: sealed }, 'Cannot set an unreadable checkpoint aside');
    });
    const reason = cause.message;
    this.#log.error({ sessionId, path: kept, reason }, 'Checkpoint is unreadable and was kept');
    const message = `The checkpoint of session ${sessionId} cannot be used: ${reason}. It is kept as ${kept}.`;
    return new PaneletError('CHECKPOINT_UNREADABLE', message, { cause });
  }

  async #setAside(directory: string, consumed: string): Promise<boolean> {
    const [sealed, aside] = [sealedIn(directory), join(directory, consumed)];
    let found = false;
    try {
      found = await this.#renameIfThere(sealed, aside);
      // Even when nothing was found: an earlier attempt may have renamed and failed here.
      await this.#fileSystem.syncDirectory(directory);
      return found;
    } catch (error) {
      // The session does not go on, so it is exact still: the next attempt to bring it back has to find it.
      if (found) await this.#fileSystem.rename(aside, sealed).catch(() => undefined);
      throw storageError(error, { code: 'CHECKPOINT_FAILED', action: 'set the used checkpoint aside', directory });
    }
  }

  async #renameIfThere(from: string, to: string): Promise<boolean> {
    try {
      await this.#fileSystem.rename(from, to);
      return true;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      return false;
    }
  }

  async #forgetConsumed(directory: string, except: string): Promise<void> {
    for (const name of await this.#fileSystem.list(directory)) {
      if (name.startsWith(consumedPrefix) && name !== except) await this.#fileSystem.unlink(join(directory, name));
    }
  }
}

function sealedIn(directory: string): string {
  return join(directory, 'checkpoint.sealed');
}

function describe(content: Uint8Array): SealedCheckpoint {
  return { sizeBytes: content.length, sha256: sha256Hex(content) };
}
