import { createHash, type Hash } from 'node:crypto';

/** Digest of a stretch of a file that was read. */
export interface ProofPiece {
  readonly offset: number;
  readonly sizeBytes: number;
  /** Base64, 16 bytes of SHA-256. */
  readonly digest: string;
}

/** What tells later whether a file still begins with what was read: its last bytes, and digests of stretches before. */
export interface ContentProof {
  /** The last bytes before the offset, at most {@link proofTailBytes}. */
  readonly tail: Buffer;
  /** From the beginning of the file; not without holes. */
  readonly pieces: readonly ProofPiece[];
}

/** Reads anywhere in a file; fewer bytes than asked for mean its end. */
export type ReadAt = (offset: number, sizeBytes: number) => Promise<Buffer>;

/** Collects a proof while a file is read. */
export interface ProofCollector {
  /** Everything that was collected so far. */
  proof(): ContentProof;
  /** The last bytes. */
  readonly tail: Buffer;
  /** The first piece, once it is complete. */
  readonly first: ProofPiece | undefined;
  /** Bytes that follow the ones before. */
  extend(bytes: Buffer): void;
}

/** Bytes before the offset that are kept as they are. */
export const proofTailBytes = 4096;

// Small, since it is looked at before every read.
const firstPieceBytes = 1024;
const stretchBytes = 64 * 1024;
// So much of the beginning is digested as a whole; behind it the beginning of every stretch, since a digest costs more
// than the read. A file that is written anew differs in the first of them already.
const wholeBytes = 512 * 1024;
const sampleBytes = 8 * 1024;
// At either end. A file that is written anew and differs in between only is not noticed.
const keptPieces = 9;

/** Goes on collecting at `offset`, from what was collected before. */
export function collectProof(
  offset: number,
  begun: ContentProof = { tail: Buffer.alloc(0), pieces: [] },
): ProofCollector {
  let { tail } = begun;
  let pieces = [...begun.pieces];
  const openAt = (next: number) => ({ offset: next, sizeBytes: 0, hash: createHash('sha256') });
  let open = openAt(offset);
  // Bytes that are not looked at before the next piece begins.
  let skipped = 0;

  const keep = (limit: number): void => {
    pieces.push({ offset: open.offset, sizeBytes: open.sizeBytes, digest: textOf(open.hash) });
    pieces = [...pieces.slice(0, keptPieces), ...pieces.slice(keptPieces).slice(-keptPieces)];
    skipped = limit === sampleBytes ? stretchBytes - sampleBytes : 0;
    open = openAt(open.offset + open.sizeBytes + skipped);
  };
  return {
    proof: () => {
      if (open.sizeBytes === 0) return { tail, pieces: [...pieces] };
      const { hash, ...piece } = open;
      return { tail, pieces: [...pieces, { ...piece, digest: textOf(hash.copy()) }] };
    },
    get tail() {
      return tail;
    },
    get first() {
      return pieces[0];
    },
    extend: (bytes) => {
      for (let rest = bytes; rest.length > 0;) {
        const passed = Math.min(skipped, rest.length);
        skipped -= passed;
        const limit = limitAt(open.offset);
        const part = rest.subarray(passed, passed + limit - open.sizeBytes);
        open.hash.update(part);
        open.sizeBytes += part.length;
        rest = rest.subarray(passed + part.length);
        if (open.sizeBytes === limit) keep(limit);
      }
      tail = Buffer.from(Buffer.concat([tail, bytes.subarray(-proofTailBytes)]).subarray(-proofTailBytes));
    },
  };
}

function limitAt(offset: number): number {
  if (offset === 0) return firstPieceBytes;
  return offset < wholeBytes ? stretchBytes : sampleBytes;
}

/**
 * Collects the proof of an offset that was sought: the beginning of the file, and what precedes the offset.
 * @returns the offset at which the file ends instead, where it is shorter.
 */
export async function collectProofAt(
  offset: number,
  readAt: ReadAt,
): Promise<{ readonly offset: number; readonly collector: ProofCollector }> {
  const head = await readAt(0, Math.min(firstPieceBytes, offset));
  const start = Math.max(head.length, offset - sampleBytes);
  const before = await readAt(start, offset - start);
  const beginning = collectProof(0);
  beginning.extend(head);
  const { pieces, tail } = beginning.proof();
  const collector = collectProof(start, { pieces, tail: start === head.length ? tail : Buffer.alloc(0) });
  collector.extend(before);
  return { offset: start + before.length, collector };
}

/** True when a file still begins with its first piece: quick, before every read. */
export async function beginsWith(first: ProofPiece | undefined, readAt: ReadAt): Promise<boolean> {
  return first === undefined || first.sizeBytes > firstPieceBytes || (await isAsProven(first, readAt));
}

/** True when everything that was kept of a file is there, before `offset`. */
export async function holdsProof(proof: ContentProof, offset: number, readAt: ReadAt): Promise<boolean> {
  const before = await readAt(offset - proof.tail.length, proof.tail.length);
  if (!before.equals(proof.tail)) return false;
  for (const piece of proof.pieces) if (!(await isAsProven(piece, readAt))) return false;
  return true;
}

/** Shorter files are alike by chance: the same line written to two of them. */
export const leastCopyBytes = 64;

/** True when a file of that size looks like a copy of one with this proof, or of its beginning. */
export async function looksCopied(
  proof: ContentProof,
  offset: number,
  file: { readonly sizeBytes: number; readonly readAt: ReadAt },
): Promise<boolean> {
  const sizeBytes = Math.min(offset, file.sizeBytes);
  if (sizeBytes < leastCopyBytes) return false;
  if (sizeBytes === offset) return holdsProof(proof, offset, file.readAt);
  if (proof.tail.length === offset) return (await file.readAt(0, sizeBytes)).equals(proof.tail.subarray(0, sizeBytes));
  const within = proof.pieces.filter((piece) => piece.offset + piece.sizeBytes <= sizeBytes);
  for (const piece of within) if (!(await isAsProven(piece, file.readAt))) return false;
  return within.length > 0;
}

async function isAsProven(piece: ProofPiece, readAt: ReadAt): Promise<boolean> {
  const bytes = await readAt(piece.offset, piece.sizeBytes);
  return bytes.length === piece.sizeBytes && textOf(createHash('sha256').update(bytes)) === piece.digest;
}

function textOf(hash: Hash): string {
  return hash.digest().subarray(0, 16).toString('base64');
}
