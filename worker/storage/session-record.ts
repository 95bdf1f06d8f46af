import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import { writeDurably } from '#common/files/durable-file.js';
import type { FileSystem } from '#common/files/file-system.js';
import { isSessionId, requireSessionId } from './session-id.js';
import { storageError, systemCode } from '#common/errors/storage-error.js';

const recordSchema = z.object({
  id: z.string(),
  panel: z.string(),
  owner: z.string(),
  tokenKey: z.string(),
  clientId: z.string(),
  parameters: z.record(z.string(), z.string()),
  createdAt: z.string(),
  version: z.string(),
});

/** What is remembered about a session from the moment it is opened, so that a crash is told and never guessed. */
export interface SessionRecord {
  /** Session id, a UUID in lower case. */
  readonly id: string;
  readonly panel: string;
  /** Verified identity of the owner. */
  readonly owner: string;
  /** Key of the session's resume tokens, in hex. Secret: the file has mode 0600. */
  readonly tokenKey: string;
  /** Client that opened it, or that last took it over. */
  readonly clientId: string;
  /** Parameters of the Hello that opened it; on disk those that a later life needs. */
  readonly parameters: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Version of the panel's code. */
  readonly version: string;
}

/** What `list` found. */
export interface SessionRecordList {
  readonly records: readonly SessionRecord[];
  /** Sessions whose record cannot be read. Their files are kept. */
  readonly unreadable: readonly { readonly sessionId: string; readonly reason: string }[];
}

/** Session records of one panel. */
export interface SessionRecordStore {
  /**
   * Makes the directory of a new session.
   * @returns false when there is one: the session is known, or somebody else is making it
   * @throws STATE_DIR_UNUSABLE
   */
  create(sessionId: string): Promise<boolean>;
  /** Writes a record durably into the session's directory; replaces one that exists. @throws STATE_DIR_UNUSABLE */
  write(record: SessionRecord): Promise<void>;
  /** @returns undefined when there is none. @throws CHECKPOINT_UNREADABLE, STATE_DIR_UNUSABLE */
  read(sessionId: string): Promise<SessionRecord | undefined>;
  /** @throws STATE_DIR_UNUSABLE */
  list(): Promise<SessionRecordList>;
  /** Removes everything about a session: record, incarnations, checkpoints. Idempotent. @throws STATE_DIR_UNUSABLE */
  remove(sessionId: string): Promise<void>;
  /**
   * Removes what a crash left half removed, and half created as far as `isAbandoned` says of its session id that nobody is creating it.
   * @throws STATE_DIR_UNUSABLE
   */
  sweep(isAbandoned: (sessionId: string) => Promise<boolean>): Promise<void>;
}

const removedPrefix = 'removed-';

/** What the store needs. */
export interface SessionRecordStoreDeps {
  /** Directory that holds a directory for each session. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
}

/** Records in `<directory>/<session id>/record.json`. */
export function createSessionRecordStore(deps: SessionRecordStoreDeps): SessionRecordStore {
  return new FileSessionRecordStore(deps);
}

class FileSessionRecordStore implements SessionRecordStore {
  readonly #directory: string;
  readonly #fileSystem: FileSystem;
  /** Sessions that are being made here. */
  readonly #making = new Set<string>();

  constructor({ directory, fileSystem }: SessionRecordStoreDeps) {
    this.#directory = directory;
    this.#fileSystem = fileSystem;
  }

  async create(sessionId: string): Promise<boolean> {
    const path = join(this.#directory, requireSessionId(sessionId));
    this.#making.add(sessionId);
    return await this.#explained('make the directory of a session', async () => {
      try {
        await this.#fileSystem.mkdir(path, 0o700);
        return true;
      } catch (error) {
        this.#making.delete(sessionId);
        if (systemCode(error) === 'EEXIST') return false;
        throw error;
      }
    });
  }

  async write(record: SessionRecord): Promise<void> {
    const path = this.#pathOf(record.id);
    await this.#explained('write a session record', async () => {
      await writeDurably(path, JSON.stringify(record), this.#fileSystem);
      await this.#fileSystem.syncDirectory(this.#directory);
    });
    this.#making.delete(record.id);
  }

  async read(sessionId: string): Promise<SessionRecord | undefined> {
    const path = this.#pathOf(sessionId);
    return await this.#explained('read a session record', async () => {
      let text: string;
      try {
        text = (await this.#fileSystem.read(path)).toString('utf8');
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
      return parseRecord(text, sessionId, path);
    });
  }

  async list(): Promise<SessionRecordList> {
    const names = await this.#explained('list the sessions', () => this.#fileSystem.list(this.#directory));
    const records: SessionRecord[] = [];
    const unreadable: { sessionId: string; reason: string }[] = [];
    for (const sessionId of names.filter(isSessionId)) {
      try {
        const record = await this.read(sessionId);
        if (record) records.push(record);
      } catch (error) {
        unreadable.push({ sessionId, reason: PaneletError.from(error).message });
      }
    }
    return { records, unreadable };
  }

  async remove(sessionId: string): Promise<void> {
    requireSessionId(sessionId);
    await this.#explained('remove a session', async () => {
      try {
        await this.#removeDirectory(sessionId);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
      }
    });
    this.#making.delete(sessionId);
  }

  sweep(isAbandoned: (sessionId: string) => Promise<boolean>): Promise<void> {
    return this.#explained('clean up', async () => {
      for (const name of await this.#fileSystem.list(this.#directory)) {
        const path = join(this.#directory, name);
        if (name.startsWith(removedPrefix)) await this.#fileSystem.removeTree(path);
        if (isSessionId(name) && (await this.#isHalfMade(name)) && (await isAbandoned(name))) {
          await this.#removeDirectory(name);
        }
      }
    });
  }

  async #isHalfMade(sessionId: string): Promise<boolean> {
    if (this.#making.has(sessionId)) return false;
    const files = await this.#fileSystem.list(join(this.#directory, sessionId)).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    return files?.includes('record.json') === false;
  }

  #pathOf(sessionId: string): string {
    return join(this.#directory, requireSessionId(sessionId), 'record.json');
  }

  async #removeDirectory(name: string): Promise<void> {
    // Renamed first, so that a crash half way never leaves a session with a part of its files.
    const aside = join(this.#directory, `${removedPrefix}${randomUUID()}`);
    await this.#fileSystem.rename(join(this.#directory, name), aside);
    await this.#fileSystem.syncDirectory(this.#directory);
    await this.#fileSystem.removeTree(aside);
  }

  /** Runs what uses the disk; its errors say what could not be done where. */
  async #explained<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action, directory: this.#directory });
    }
  }
}

function parseRecord(text: string, sessionId: string, path: string): SessionRecord {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const parsed = recordSchema.safeParse(json);
  if (parsed.success && parsed.data.id === sessionId) return parsed.data;
  throw new PaneletError(
    'CHECKPOINT_UNREADABLE',
    `The record of session ${sessionId} in ${path} cannot be read. It is kept; remove its directory to forget the session.`,
  );
}
