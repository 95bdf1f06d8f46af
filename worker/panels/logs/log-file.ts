import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { AllowedRoots } from './allowed-roots.js';

/** Where somebody was in a file, and what proves that it is still that file. */
export interface FilePosition {
  readonly dev: string;
  readonly ino: string;
  /** Next byte to read. */
  readonly offset: number;
  /** The last bytes before `offset`: inode numbers are used again, and a file may be truncated and grow again. */
  readonly tail: Buffer;
}

/** What a read found. */
export type ReadResult =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  /** What was before the offset is not there any more. */
  | { readonly kind: 'rewritten' };

/** What `stat` says, as far as files are told apart and ordered by it. */
export interface FileFacts {
  readonly dev: string;
  readonly ino: string;
  readonly sizeBytes: number;
  /** Time of the last write, in nanoseconds. */
  readonly modifiedNs: bigint;
}

/** An open file and a place in it. */
export interface LogFile {
  readonly position: FilePosition;
  facts(): Promise<FileFacts>;
  /** Reads at most `maxBytes` from the offset, without moving it. */
  read(maxBytes: number): Promise<ReadResult>;
  /** Reads anywhere. */
  readAt(offset: number, sizeBytes: number): Promise<Buffer>;
  /** Moves past bytes that were read. */
  take(bytes: Buffer): void;
  /** Starts at an offset, with whatever precedes it as proof. */
  seek(offset: number): Promise<void>;
  /** Starts over, at the beginning. */
  restart(): void;
  close(): Promise<void>;
}

const tailBytes = 64;

/**
 * Opens a file for reading, at its beginning or where `position` says.
 * @returns undefined when it does not exist, is not a regular file, or may not be read.
 */
export async function openLogFile(
  path: string,
  roots: AllowedRoots,
  position?: FilePosition,
): Promise<LogFile | undefined> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  const facts = await readFacts(handle);
  // Asked of the descriptor, since the path may have been exchanged since it was checked.
  if (!facts.isFile || !roots.permitsDescriptor(handle.fd)) {
    await handle.close();
    return undefined;
  }
  return createLogFile(handle, facts, position);
}

function createLogFile(handle: FileHandle, { dev, ino }: FileFacts, position: FilePosition | undefined): LogFile {
  let offset = position?.offset ?? 0;
  let tail: Buffer = position?.tail ?? Buffer.alloc(0);

  const readAt = async (from: number, sizeBytes: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafe(sizeBytes);
    const { bytesRead } = await handle.read(buffer, 0, sizeBytes, from);
    return buffer.subarray(0, bytesRead);
  };
  return {
    get position() {
      return { dev, ino, offset, tail };
    },
    facts: () => readFacts(handle),
    readAt,
    read: async (maxBytes) => {
      const found = await readAt(offset - tail.length, tail.length + maxBytes);
      if (!found.subarray(0, tail.length).equals(tail)) return { kind: 'rewritten' };
      const bytes = found.subarray(tail.length);
      return bytes.length === 0 ? { kind: 'end' } : { kind: 'data', bytes };
    },
    take: (bytes) => {
      offset += bytes.length;
      tail = Buffer.from(Buffer.concat([tail, bytes.subarray(-tailBytes)]).subarray(-tailBytes));
    },
    seek: async (next) => {
      const from = Math.max(0, next - tailBytes);
      const before = await readAt(from, next - from);
      offset = from + before.length;
      tail = before;
    },
    restart: () => {
      offset = 0;
      tail = Buffer.alloc(0);
    },
    close: () => handle.close(),
  };
}

async function readFacts(handle: FileHandle): Promise<FileFacts & { readonly isFile: boolean }> {
  const stat = await handle.stat({ bigint: true });
  return {
    dev: stat.dev.toString(),
    ino: stat.ino.toString(),
    sizeBytes: Number(stat.size),
    modifiedNs: stat.mtimeNs,
    isFile: stat.isFile(),
  };
}
