import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { type FileFacts, factsOf, fileKey } from './file-facts.js';
import { reasonOf } from './read-trouble.js';

/** What the names of a directory stood for at one moment. */
export interface DirectorySnapshot {
  readonly files: ReadonlyMap<string, FileFacts>;
  /** False when names kept moving while this looked: a file may be missing, or be seen under the name of another. */
  readonly isStable: boolean;
  /** Why only the names that were guessed were looked at, when the directory cannot be listed. */
  readonly unlisted?: string;
}

/** Where and how `takeSnapshot` looks. */
export interface SnapshotRequest {
  readonly directory: string;
  readonly matters: (name: string) => boolean;
  /** Names to look at in a directory that may be entered but not listed. */
  readonly guesses: readonly string[];
  readonly maxLooks: number;
}

/**
 * Looks at the regular files of a directory whose names matter. Rotation renames many files one after the other, and a
 * look in between sees one of them twice or not at all; so it looks until two looks agree, at most `maxLooks` times.
 */
export async function takeSnapshot(request: SnapshotRequest): Promise<DirectorySnapshot> {
  let last = await look(request);
  let isStable = false;
  for (let looks = 1; looks < request.maxLooks && !isStable; looks++) {
    const again = await look(request);
    isStable = !again.hasFailed && isSame(last.files, again.files);
    last = again;
  }
  const { files, unlisted } = last;
  return { files, isStable, ...(unlisted !== undefined && { unlisted }) };
}

interface Look extends Omit<DirectorySnapshot, 'isStable'> {
  /** It could not be listed this time. */
  readonly hasFailed: boolean;
}

async function look(request: SnapshotRequest): Promise<Look> {
  const { directory, matters, guesses } = request;
  const files = new Map<string, FileFacts>();
  let unlisted: string | undefined;
  let hasFailed = false;
  const names = await readdir(directory).catch((error: unknown) => {
    const { kind } = reasonOf(error);
    hasFailed = kind === 'failed';
    if (kind === 'refused') unlisted = `the directory may not be listed (${systemCode(error)})`;
    return guesses;
  });
  for (const name of names.filter(matters)) {
    const found = await stat(join(directory, name), { bigint: true }).catch(() => undefined);
    if (found?.isFile() === true) files.set(name, factsOf(found));
  }
  return { files, hasFailed, ...(unlisted !== undefined && { unlisted }) };
}

function isSame(a: ReadonlyMap<string, FileFacts>, b: ReadonlyMap<string, FileFacts>): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([name, facts]) => {
    const other = b.get(name);
    return other !== undefined && fileKey(other) === fileKey(facts) && other.bornNs === facts.bornNs;
  });
}
