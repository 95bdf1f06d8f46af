import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { AllowedRoots } from './allowed-roots.js';
import {
  beginsWith,
  collectProof,
  collectProofAt,
  type ContentProof,
  holdsProof,
  type ReadAt,
} from './content-proof.js';
import { type FileFacts, factsOf } from './file-facts.js';
import { reasonOf } from './read-trouble.js';

/** Where somebody was in a file, and what proves that it is still that file. */
export interface FilePosition extends ContentProof {
  readonly dev: string;
  readonly ino: string;
  /** When the file was made, in nanoseconds; 0 where nobody knows. */
  readonly bornNs: bigint;
  /** Next byte to read. */
  readonly offset: number;
}

/** What a read found. */
export type ReadResult =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  /** What was before the offset is not there any more. */
  | { readonly kind: 'rewritten' };

/** An open file and a place in it. */
export interface LogFile {
  readonly position: FilePosition;
  /** That of the position, and cheap. */
  readonly offset: number;
  facts(): Promise<FileFacts>;
  /** Reads at most `maxBytes` from the offset, without moving it. Looks at the beginning and at what precedes the offset. */
  read(maxBytes: number): Promise<ReadResult>;
  /** Looks at everything that is known of what precedes the offset. */
  holds(): Promise<boolean>;
  /** Reads anywhere. */
  readonly readAt: ReadAt;
  /** Moves past bytes that were read. */
  take(bytes: Buffer): void;
  /** Starts at an offset, with whatever precedes it as proof. */
  seek(offset: number): Promise<void>;
  /** Starts where somebody was; whether the file still `holds` that is another question. */
  assume(position: Omit<FilePosition, 'dev' | 'ino' | 'bornNs'> & { readonly sizeBytes?: number }): void;
  /** Starts over, at the beginning. */
  restart(): void;
  close(): Promise<void>;
}

/** An open file and the name it was opened by. */
export interface NamedFile {
  readonly name: string;
  readonly directory: string;
  readonly file: LogFile;
}

/** An open file, or why it is not open. */
export type OpenResult =
  | { readonly kind: 'open'; readonly file: LogFile }
  /** Nothing has that name. */
  | { readonly kind: 'absent'; readonly reason: string }
  /** Something has that name, and it is not read. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It did not work this time, for example for want of descriptors. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Opens a file for reading, at its beginning. */
export async function openLogFile(path: string, roots: AllowedRoots): Promise<OpenResult> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return reasonOf(error);
  }
  const refuse = async (reason: string): Promise<OpenResult> => {
    await handle.close();
    return { kind: 'refused', reason };
  };
  // Asked of the descriptor, since the path may have been exchanged since it was checked.
  if (!roots.permitsDescriptor(handle.fd)) return refuse('leads out of what may be read');
  const stat = await handle.stat({ bigint: true });
  if (!stat.isFile()) return refuse('is not a regular file');
  return { kind: 'open', file: createLogFile(handle, factsOf(stat)) };
}

function createLogFile(handle: FileHandle, { dev, ino, bornNs }: FileFacts): LogFile {
  let offset = 0;
  let collector = collectProof(0);
  let seenBytes = 0;

  const readAt = async (from: number, sizeBytes: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafe(sizeBytes);
    const { bytesRead } = await handle.read(buffer, 0, sizeBytes, from);
    return buffer.subarray(0, bytesRead);
  };
  const file: LogFile = {
    get position() {
      return { dev, ino, bornNs, offset, ...collector.proof() };
    },
    get offset() {
      return offset;
    },
    facts: async () => {
      const facts = factsOf(await handle.stat({ bigint: true }));
      seenBytes = Math.max(seenBytes, facts.sizeBytes);
      return facts;
    },
    readAt,
    read: async (maxBytes) => {
      const { tail, first } = collector;
      const [found, isBegun] = await Promise.all([
        readAt(offset - tail.length, tail.length + maxBytes),
        offset <= tail.length || beginsWith(first, readAt),
      ]);
      if (!isBegun || !found.subarray(0, tail.length).equals(tail)) return { kind: 'rewritten' };
      const bytes = found.subarray(tail.length);
      return bytes.length === 0 ? { kind: 'end' } : { kind: 'data', bytes };
    },
    holds: async () => {
      // A log grows: one that was longer was cut in between, even if it begins with the same bytes.
      const { size } = await handle.stat({ bigint: true });
      return Number(size) >= Math.max(seenBytes, offset) && holdsProof(collector.proof(), offset, readAt);
    },
    take: (bytes) => {
      offset += bytes.length;
      collector.extend(bytes);
    },
    seek: async (next) => {
      ({ collector, offset } = await collectProofAt(next, readAt));
    },
    assume: (position) => {
      offset = position.offset;
      collector = collectProof(offset, position);
      seenBytes = position.sizeBytes ?? offset;
    },
    restart: () => {
      offset = 0;
      collector = collectProof(0);
      seenBytes = 0;
    },
    close: () => handle.close(),
  };
  return file;
}
