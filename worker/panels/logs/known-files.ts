import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type DirectorySnapshot, takeSnapshot } from './directory-snapshot.js';
import { type FileFacts, fileKey, mayBeBornAs } from './file-facts.js';
import { guessRotatedNames, isRotatedName } from './rotated-names.js';

/** A file that was there while the path still named the one that is followed: an older one, or none of ours. */
export interface KnownFile {
  readonly ino: string;
  readonly bornNs: bigint;
  readonly modifiedNs: bigint;
  readonly sizeBytes: number;
}

/** The rotated files of a directory that are not going to follow. */
export interface KnownFiles {
  /** Where the path led. */
  readonly real: string;
  /** The directory itself: another one may come to have its name. */
  readonly directory: { readonly ino: string; readonly bornNs: bigint };
  readonly files: readonly KnownFile[];
  /** Files that were last written before this are known as well; there were too many to name them. */
  readonly beforeNs: bigint;
}

const maxKnown = 256;

/** Writes down the files of a snapshot. */
export async function recordKnownFiles(real: string, snapshot: DirectorySnapshot): Promise<KnownFiles | undefined> {
  const directory = await stat(dirname(real), { bigint: true }).catch(() => undefined);
  if (directory === undefined) return undefined;
  const all = [...snapshot.files]
    .filter(([name]) => name !== basename(real))
    .map(([, { ino, bornNs, modifiedNs, sizeBytes }]) => ({ ino, bornNs, modifiedNs, sizeBytes }))
    .sort((a, b) => (a.modifiedNs < b.modifiedNs ? 1 : -1));
  const files = all.slice(0, maxKnown);
  const beforeNs = all.length > maxKnown ? (files.at(-1)?.modifiedNs ?? 0n) : 0n;
  return { real, directory: { ino: directory.ino.toString(), bornNs: directory.birthtimeNs }, files, beforeNs };
}

/** Whether a file is one of the known ones. "unsure" where the file system does not say when files were made. */
export function isKnownFile(known: KnownFiles, facts: FileFacts): 'yes' | 'no' | 'unsure' {
  if (facts.modifiedNs < known.beforeNs) return 'yes';
  const sameNumber = known.files.filter((file) => file.ino === facts.ino);
  const found = sameNumber.find((file) => mayBeBornAs(file.bornNs, facts.bornNs));
  if (found === undefined) return 'no';
  const isUntouched = found.modifiedNs === facts.modifiedNs && found.sizeBytes === facts.sizeBytes;
  return isUntouched || (found.bornNs !== 0n && facts.bornNs !== 0n) ? 'yes' : 'unsure';
}

/** True when they were recorded in this very directory, for this very path. */
export async function areKnownFilesOf(known: KnownFiles, real: string): Promise<boolean> {
  if (known.real !== real) return false;
  const directory = await stat(dirname(real), { bigint: true }).catch(() => undefined);
  if (directory?.ino.toString() !== known.directory.ino) return false;
  return mayBeBornAs(directory.birthtimeNs, known.directory.bornNs);
}

/** When an entry of a directory was last made, renamed or removed, in nanoseconds. */
export async function lastChangeOf(directory: string): Promise<bigint | undefined> {
  const found = await stat(directory, { bigint: true }).catch(() => undefined);
  return found?.mtimeNs;
}

/** Looks at the file of a real path and at what rotation may have made of it, and at other names on request. */
export function lookAround(real: string, maxLooks: number, others: readonly string[] = []): Promise<DirectorySnapshot> {
  const current = basename(real);
  return takeSnapshot({
    directory: dirname(real),
    matters: (name) => name === current || others.includes(name) || isRotatedName(current, name),
    guesses: [...new Set([current, ...others, ...guessRotatedNames(current)])],
    maxLooks,
  });
}

/**
 * The files around a path, provided that it names the file with this key all the time: whatever else is there was there
 * before it was rotated.
 */
export async function surveyKnownFiles(real: string, key: string | undefined): Promise<KnownFiles | undefined> {
  const snapshot = await lookAround(real, 4);
  const named = snapshot.files.get(basename(real));
  if (!snapshot.isStable || (named && fileKey(named)) !== key) return undefined;
  return recordKnownFiles(real, snapshot);
}
