import { basename, dirname, join } from 'node:path';
import type { AllowedRoots } from './allowed-roots.js';
import { takeSnapshot } from './directory-snapshot.js';
import { type FileFacts, type LogFile, openLogFile } from './log-file.js';
import { compareAge, isRotatedName } from './rotated-names.js';

/** An open file and the name it was opened by. */
export interface NamedFile {
  readonly name: string;
  readonly directory: string;
  readonly file: LogFile;
}

/** Tells files apart. */
export function fileKey(file: { readonly dev: string; readonly ino: string }): string {
  return `${file.dev}:${file.ino}`;
}

/** Where `findSuccessors` looks. */
export interface SuccessorSearch {
  /** Real path of the file that is followed. */
  readonly real: string;
  /** The last file that was followed; undefined when none ever was. */
  readonly last: { readonly key: string | undefined; readonly modifiedNs: bigint } | undefined;
  /** Files that are followed already. */
  readonly known: ReadonlySet<string>;
  readonly roots: AllowedRoots;
}

/** What `findSuccessors` found. */
export interface Successors {
  /** From the oldest; the last one is what the path names, if it names anything. */
  readonly files: readonly NamedFile[];
  /** True when the last file still exists under a rotated name. */
  readonly isRotated: boolean;
}

const maxLooks = 8;
const nothing: Successors = { files: [], isRotated: false };

/**
 * Finds the files that came after the last one: what the path names now, and what was rotated in between, when the log
 * was rotated more than once since anybody looked. Finds nothing while a rotation is under way; look again then.
 */
export async function findSuccessors({ real, last, known, roots }: SuccessorSearch): Promise<Successors> {
  const current = basename(real);
  const directory = dirname(real);
  const matters = (name: string): boolean => name === current || isRotatedName(current, name);
  const snapshot = await takeSnapshot(directory, matters, maxLooks);
  if (!snapshot.isStable) return nothing;
  const candidates = [...snapshot.files].map(([name, facts]) => ({ name, ...facts }));
  const lastSeen = candidates.find((candidate) => fileKey(candidate) === last?.key);
  const lastAge = last && { name: lastSeen?.name ?? '', modifiedNs: last.modifiedNs };
  const newer = candidates
    .filter((candidate) => !known.has(fileKey(candidate)))
    .filter(({ name, modifiedNs }) =>
      lastAge === undefined
        ? name === current
        : name === current || compareAge(current, lastAge, { name, modifiedNs }) < 0,
    )
    .sort((a, b) => compareAge(current, a, b));
  const files = await openAll(newer, directory, roots);
  if (files === undefined) return nothing;
  return { files, isRotated: lastSeen !== undefined && lastSeen.name !== current };
}

/** @returns undefined when a name stands for another file by now. */
async function openAll(
  candidates: readonly (FileFacts & { readonly name: string })[],
  directory: string,
  roots: AllowedRoots,
): Promise<readonly NamedFile[] | undefined> {
  const files: NamedFile[] = [];
  for (const candidate of candidates) {
    const file = await openLogFile(join(directory, candidate.name), roots);
    if (file) files.push({ name: candidate.name, directory, file });
    if (file && fileKey(file.position) === fileKey(candidate)) continue;
    for (const opened of files) await opened.file.close();
    return undefined;
  }
  return files;
}
