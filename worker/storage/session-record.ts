import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import { writeDurably } from './durable-file.js';
import type { FileSystem } from './file-system.js';
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
  /** Writes a record durably; replaces one that exists. @throws STATE_DIR_UNUSABLE */
  write(record: SessionRecord): Promise<void>;
  /** @returns undefined when there is none. @throws CHECKPOINT_UNREADABLE, STATE_DIR_UNUSABLE */
  read(sessionId: string): Promise<SessionRecord | undefined>;
  /** @throws STATE_DIR_UNUSABLE */
  list(): Promise<SessionRecordList>;
  /** Removes everything about a session: record, incarnations, checkpoints. Idempotent. @throws STATE_DIR_UNUSABLE */
  remove(sessionId: string): Promise<void>;
  /** Removes what a crash left half created or half removed. Call before anything else, with the lock held. */
  sweep(): Promise<void>;
}

const removedPrefix = 'removed-';

/** Records in `<directory>/<session id>/record.json`. */
export function createSessionRecordStore(deps: {
  readonly directory: string;
  readonly fileSystem: FileSystem;
}): SessionRecordStore {
  const { directory, fileSystem } = deps;
  const pathOf = (sessionId: string): string => join(directory, requireSessionId(sessionId), 'record.json');
  const explained = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action, directory });
    }
  };

  const read = async (sessionId: string): Promise<SessionRecord | undefined> => {
    const path = pathOf(sessionId);
    return await explained('read a session record', async () => {
      let text: string;
      try {
        text = (await fileSystem.read(path)).toString('utf8');
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
      return parseRecord(text, sessionId, path);
    });
  };
  const removeDirectory = async (name: string): Promise<void> => {
    // Renamed first, so that a crash half way never leaves a session with a part of its files.
    const aside = join(directory, `${removedPrefix}${randomUUID()}`);
    await fileSystem.rename(join(directory, name), aside);
    await fileSystem.syncDirectory(directory);
    await fileSystem.removeTree(aside);
  };
  return {
    read,
    write: async (record) => {
      const path = pathOf(record.id);
      await explained('write a session record', async () => {
        await fileSystem.mkdirs(join(directory, record.id), 0o700);
        await writeDurably(fileSystem, path, Buffer.from(JSON.stringify(record)));
        await fileSystem.syncDirectory(directory);
      });
    },
    list: async () => {
      const names = await explained('list the sessions', () => fileSystem.list(directory));
      const records: SessionRecord[] = [];
      const unreadable: { sessionId: string; reason: string }[] = [];
      for (const sessionId of names.filter(isSessionId)) {
        try {
          const record = await read(sessionId);
          if (record) records.push(record);
        } catch (error) {
          unreadable.push({ sessionId, reason: PaneletError.from(error).message });
        }
      }
      return { records, unreadable };
    },
    remove: async (sessionId) => {
      requireSessionId(sessionId);
      await explained('remove a session', async () => {
        try {
          await removeDirectory(sessionId);
        } catch (error) {
          if (systemCode(error) !== 'ENOENT') throw error;
        }
      });
    },
    sweep: () =>
      explained('clean up', async () => {
        for (const name of await fileSystem.list(directory)) {
          if (name.startsWith(removedPrefix)) await fileSystem.removeTree(join(directory, name));
          if (!isSessionId(name)) continue;
          const files = await fileSystem.list(join(directory, name));
          if (!files.includes('record.json')) await removeDirectory(name);
        }
      }),
  };
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
