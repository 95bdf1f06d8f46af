import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { PaneletError } from '#common/errors/errors.js';
import type { AnyObject } from './kube-object.js';

/** One change as it is kept on disk. */
export interface JournalRecord {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: string;
  readonly object: AnyObject;
}

/** What {@link openJournal} found. */
export interface JournalContent {
  /** Version of the snapshot; changes after it are in `records`. */
  readonly version: number;
  readonly objects: readonly Pick<JournalRecord, 'resource' | 'object'>[];
  readonly records: readonly JournalRecord[];
}

/** Keeps changes on disk: an append-only log beside a snapshot. */
export interface Journal {
  /** Hands a change to the kernel: it survives the death of this process when `append` has returned. */
  append(record: JournalRecord): void;
  /** Resolves when everything appended so far is on the medium. */
  synced(): Promise<void>;
  /** Replaces snapshot and log by these objects. */
  compact(content: Omit<JournalContent, 'records'>): void;
  /** Size of the log in bytes. */
  readonly sizeBytes: number;
  close(): Promise<void>;
}

function readLines(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw new PaneletError('STATE_DIR_UNUSABLE', `Cannot read ${path}. Check its owner and the disk.`, {
      cause: error,
    });
  }
  // What follows the last line break was cut off in the middle of a write and never acknowledged.
  return text.split('\n').slice(0, -1);
}

const parseLines = <T>(path: string, lines: readonly string[]): T[] =>
  lines.map((line, index) => {
    try {
      return JSON.parse(line) as T;
    } catch (error) {
      throw new PaneletError(
        'STATE_DIR_UNUSABLE',
        `Line ${index + 1} of ${path} is damaged. Move the file away to start anew.`,
        {
          cause: error,
        },
      );
    }
  });

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeSnapshot(directory: string, content: Omit<JournalContent, 'records'>): void {
  const path = join(directory, 'snapshot.jsonl');
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    const lines = [{ version: content.version }, ...content.objects].map((value) => JSON.stringify(value));
    writeFileSync(fd, `${lines.join('\n')}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncDirectory(directory);
}

function readContent(directory: string): JournalContent {
  const snapshotPath = join(directory, 'snapshot.jsonl');
  const [header, ...objects] = parseLines<unknown>(snapshotPath, readLines(snapshotPath));
  const version = (header as { version: number } | undefined)?.version ?? 0;
  const logPath = join(directory, 'log.jsonl');
  const records = parseLines<JournalRecord>(logPath, readLines(logPath));
  return {
    version,
    objects: objects as Pick<JournalRecord, 'resource' | 'object'>[],
    records: records.filter((record) => record.version > version),
  };
}

/** Several callers share one fdatasync; a caller that comes during one waits for the next. */
function createSyncer(fd: number): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const sync = (): Promise<void> =>
    new Promise((resolve, reject) => fdatasync(fd, (error) => (error === null ? resolve() : reject(error))));
  const start = (): Promise<void> => {
    const current = sync().finally(() => {
      if (running === current) running = undefined;
    });
    running = current;
    return current;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}

/**
 * Opens or makes a journal in a directory.
 * @throws PaneletError STATE_DIR_UNUSABLE.
 */
export function openJournal(directory: string): { readonly journal: Journal; readonly content: JournalContent } {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new PaneletError('STATE_DIR_UNUSABLE', `Cannot make ${directory}.`, { cause: error });
  }
  const content = readContent(directory);
  const fd = openSync(join(directory, 'log.jsonl'), 'a', 0o600);
  let sizeBytes = 0;
  const compact = (state: Omit<JournalContent, 'records'>): void => {
    writeSnapshot(directory, state);
    ftruncateSync(fd, 0);
    sizeBytes = 0;
  };
  const last = content.records.at(-1)?.version ?? content.version;
  // Begins with a fresh log: a line that was cut off must not be continued by the next one.
  compact({ version: last, objects: replay(content) });
  const synced = createSyncer(fd);
  const journal: Journal = {
    append: (record) => {
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      try {
        writeFileSync(fd, line);
      } catch (error) {
        ftruncateSync(fd, sizeBytes);
        throw new PaneletError('STATE_DIR_UNUSABLE', `Cannot write to ${directory}. Is the disk full?`, {
          cause: error,
        });
      }
      sizeBytes += line.length;
    },
    synced,
    compact,
    get sizeBytes() {
      return sizeBytes;
    },
    close: async () => {
      await synced();
      closeSync(fd);
    },
  };
  return { journal, content };
}

/** The objects that are left after all changes. */
function replay(content: JournalContent): Pick<JournalRecord, 'resource' | 'object'>[] {
  const state = new Map<string, Pick<JournalRecord, 'resource' | 'object'>>();
  const keyFor = (resource: string, object: AnyObject): string =>
    `${resource} ${object.metadata.namespace ?? ''} ${object.metadata.name}`;
  for (const { resource, object } of content.objects) state.set(keyFor(resource, object), { resource, object });
  for (const { type, resource, object } of content.records) {
    if (type === 'DELETED') state.delete(keyFor(resource, object));
    else state.set(keyFor(resource, object), { resource, object });
  }
  return [...state.values()];
}
