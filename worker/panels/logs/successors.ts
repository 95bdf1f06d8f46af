import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { AllowedRoots } from './allowed-roots.js';
import { type LogFile, openLogFile } from './log-file.js';
import { type Aged, compareAge, isRotatedName } from './rotated-names.js';

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

interface Candidate extends NamedFile {
  readonly key: string;
  readonly age: Aged;
}

const maxScans = 8;

/**
 * Finds the files that came after the last one: what the path names now, and what was rotated in between, when the log
 * was rotated more than once since anybody looked. Files are renamed while this looks, and then seen by neither name;
 * so it looks until it finds nothing new.
 */
export async function findSuccessors(search: SuccessorSearch): Promise<Successors> {
  const current = basename(search.real);
  const seen = new Map<string, Candidate>();
  for (let scan = 1; scan <= maxScans; scan++) {
    const before = seen.size;
    await scanOnce(search, seen);
    if (seen.size === before) break;
  }
  const { last } = search;
  const lastSeen = last?.key === undefined ? undefined : seen.get(last.key);
  const lastAge: Aged | undefined = last && { name: lastSeen?.name ?? '', modifiedNs: last.modifiedNs };
  const files: Candidate[] = [];
  for (const candidate of seen.values()) {
    const isNewer =
      candidate.name === current || (lastAge !== undefined && compareAge(current, lastAge, candidate.age) < 0);
    if (isNewer && !search.known.has(candidate.key)) files.push(candidate);
    else await candidate.file.close();
  }
  files.sort((a, b) => compareAge(current, a.age, b.age));
  return { files, isRotated: lastSeen !== undefined && lastSeen.name !== current };
}

async function scanOnce({ real, roots }: SuccessorSearch, seen: Map<string, Candidate>): Promise<void> {
  const current = basename(real);
  const directory = join(real, '..');
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    if (name !== current && !isRotatedName(current, name)) continue;
    const file = await openLogFile(join(directory, name), roots);
    if (file === undefined) continue;
    const facts = await file.facts();
    const key = fileKey(facts);
    const earlier = seen.get(key);
    // Its present name says its age, and what it is called now is what the next scan compares.
    seen.set(key, { name, directory, file: earlier?.file ?? file, key, age: { name, modifiedNs: facts.modifiedNs } });
    if (earlier) await file.close();
  }
}
