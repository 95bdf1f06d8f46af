import type { BigIntStats } from 'node:fs';

/** What `stat` says, as far as files are told apart and ordered by it. */
export interface FileFacts {
  readonly dev: string;
  readonly ino: string;
  readonly sizeBytes: number;
  /** Time of the last write, in nanoseconds. */
  readonly modifiedNs: bigint;
  /** Time of the last change of content, name or rights, in nanoseconds: a rename moves it, too. */
  readonly changedNs: bigint;
  /** When it was made, in nanoseconds; 0 where the file system does not say. */
  readonly bornNs: bigint;
}

/** The facts of a `stat`. */
export function factsOf(stat: BigIntStats): FileFacts {
  return {
    dev: stat.dev.toString(),
    ino: stat.ino.toString(),
    sizeBytes: Number(stat.size),
    modifiedNs: stat.mtimeNs,
    changedNs: stat.ctimeNs,
    bornNs: stat.birthtimeNs,
  };
}

/** Differs once a file was written, unless nothing but its content says so. */
export function stampOf(facts: FileFacts): string {
  return `${facts.modifiedNs}:${facts.sizeBytes}`;
}

/** Tells files that exist at the same time apart. */
export function fileKey(file: { readonly dev: string; readonly ino: string }): string {
  return `${file.dev}:${file.ino}`;
}

/** False when a file was made at another time than the one of that number before it; true also where nobody can know. */
export function mayBeBornAs(a: bigint, b: bigint): boolean {
  return a === 0n || b === 0n || a === b;
}
