import { basename, dirname, join } from 'node:path';
import type { AllowedRoots } from './allowed-roots.js';
import { type ContentProof, leastCopyBytes } from './content-proof.js';
import { findCopy, isCopy } from './copies.js';
import type { DirectorySnapshot } from './directory-snapshot.js';
import { fileKey, stampOf } from './file-facts.js';
import { areKnownFilesOf, type KnownFiles, lookAround, recordKnownFiles } from './known-files.js';
import { gapReport, type TrailReport } from './log-events.js';
import { type NamedFile, openLogFile } from './log-file.js';
import { isRotatedName } from './rotated-names.js';
import { type FileCandidate, sortCandidates, type SortedCandidates } from './sort-candidates.js';

/** The last file that was followed. */
export interface LastFollowed {
  /** Undefined when it is gone. */
  readonly key: string | undefined;
  readonly bornNs: bigint;
  readonly modifiedNs: bigint;
  /** What was read of it. */
  readonly proof: ContentProof & { readonly offset: number };
  /** Its name when it was opened. */
  readonly name: string;
}

/** Where `findSuccessors` looks. */
export interface SuccessorSearch {
  /** Real path of the file that is followed. */
  readonly real: string;
  /** Undefined when none ever was. */
  readonly last: LastFollowed | undefined;
  /** Keys of the files that are followed already. */
  readonly followed: ReadonlySet<string>;
  readonly known: KnownFiles | undefined;
  readonly roots: AllowedRoots;
  /** What was read of the last one is not there any more: it may have been copied before. */
  readonly isRewritten: boolean;
  /** The last one may have been copied and truncated before anything of it was read. */
  readonly isSuspect: boolean;
}

/** A file that followed, and what to tell before its first byte. */
export interface Successor extends NamedFile {
  /** What it looked like, by `stampOf`, before it was opened. */
  readonly unreadStamp?: string;
  readonly reports: readonly TrailReport[];
}

/** What `findSuccessors` found. */
export type Successors =
  | {
      readonly kind: 'found';
      /** From the oldest; the last one is what the path names, unless that is followed already. */
      readonly files: readonly Successor[];
      /** What to tell after them. */
      readonly reports: readonly TrailReport[];
      /** Every file that is there now. */
      readonly known: KnownFiles | undefined;
    }
  /** Nothing can be said now: a rotation is under way, or what the path names cannot be read. */
  | { readonly kind: 'nothing'; readonly reason: string };

const maxLooks = 8;

/**
 * Finds the files that came after the last one: what the path names now, and what was rotated in between, when the log
 * was rotated more than once since anybody looked. Finds nothing while a rotation is under way; look again then.
 */
export async function findSuccessors(search: SuccessorSearch): Promise<Successors> {
  const { real, last } = search;
  const snapshot = await lookAround(real, maxLooks, last === undefined ? [] : [last.name]);
  if (!snapshot.isStable) return { kind: 'nothing', reason: 'is being rotated' };
  const copy = last && search.isRewritten ? await findCopy(snapshot, { ...search, last }) : undefined;
  const scene = await sortScene(search, snapshot, copy);
  const hasMoved = search.isRewritten && scene.lastName !== basename(real);
  const opened: Opened = hasMoved ? { kind: 'nothing', reason: 'is being rotated' } : await openAll(search, scene);
  if (opened.kind === 'nothing') {
    await copy?.file.close();
    return opened;
  }
  const files = [...(copy ? [{ ...copy, reports: [] }] : []), ...withArrivals(opened.files, scene, basename(real))];
  return { kind: 'found', files, reports: opened.reports, known: await recordKnownFiles(real, snapshot) };
}

interface Scene {
  readonly snapshot: DirectorySnapshot;
  readonly sorted: SortedCandidates;
  /** What the path names; undefined when it is followed already, as after a truncation. */
  readonly current: FileCandidate | undefined;
  /** Name of the last file by now. */
  readonly lastName: string | undefined;
  /** True when the last file is there to be read on, whatever its name. */
  readonly hasLast: boolean;
  readonly isOrderSure: boolean;
}

async function sortScene(
  search: SuccessorSearch,
  snapshot: DirectorySnapshot,
  copy: NamedFile | undefined,
): Promise<Scene> {
  const { real, last, followed } = search;
  const known = search.known && (await areKnownFilesOf(search.known, real)) ? search.known : undefined;
  const all = [...snapshot.files].map(([name, facts]) => ({ name, ...facts }));
  const lastName = all.find((file) => last?.key !== undefined && fileKey(file) === last.key)?.name;
  const current = all.find((file) => file.name === basename(real));
  const seen = new Set([
    ...followed,
    ...[current, copy?.file.position].flatMap((file) => (file ? [fileKey(file)] : [])),
  ]);
  const candidates = all.filter((file) => {
    const isNew = !seen.has(fileKey(file));
    seen.add(fileKey(file));
    return isNew;
  });
  const sorted = sortCandidates({
    current: basename(real),
    candidates,
    // What was written before the copy was made is in the copy.
    last: last && { bornNs: copy?.file.position.bornNs ?? last.bornNs, modifiedNs: last.modifiedNs, name: lastName },
    known,
  });
  const isFollowed = current === undefined || followed.has(fileKey(current));
  // What was copied of it comes before it, what was renamed since comes after it.
  const isMixed = search.isSuspect && lastName === undefined && sorted.ours.length > 0;
  return {
    snapshot,
    sorted,
    lastName,
    current: isFollowed ? undefined : current,
    hasLast: last?.key !== undefined,
    isOrderSure: sorted.isOrderSure && !isMixed,
  };
}

type Nothing = Extract<Successors, { readonly kind: 'nothing' }>;
type Opened =
  { readonly kind: 'open'; readonly files: readonly Successor[]; readonly reports: readonly TrailReport[] } | Nothing;

/** Opens the files in their order. @returns "nothing" when a name stands for another file by now. */
async function openAll(search: SuccessorSearch, scene: Scene): Promise<Opened> {
  const { sorted, current } = scene;
  const files: Successor[] = [];
  // Told before the next file that is shown.
  let reports: TrailReport[] = [];
  for (const candidate of [...sorted.ours, ...(current ? [current] : [])]) {
    if (candidate === current) reports.push(...sorted.doubts.map((doubt) => gapOf(doubt.candidate, doubt.reason)));
    const opened = await openOne(search, scene, candidate, files);
    if (opened.kind === 'nothing') {
      for (const { file } of files) await file.close();
      return opened;
    }
    if (opened.kind === 'gap') {
      reports.push(opened.report);
      continue;
    }
    files.push({ ...opened.file, reports });
    reports = [];
  }
  if (!current) reports.push(...sorted.doubts.map((doubt) => gapOf(doubt.candidate, doubt.reason)));
  return { kind: 'open', files, reports };
}

async function openOne(
  { real, last, roots, isRewritten }: SuccessorSearch,
  { current, snapshot, sorted }: Scene,
  candidate: FileCandidate,
  earlier: readonly NamedFile[],
): Promise<
  | { readonly kind: 'file'; readonly file: Omit<Successor, 'reports'> }
  | { readonly kind: 'gap'; readonly report: TrailReport }
  | Nothing
> {
  const directory = dirname(real);
  const opened = await openLogFile(join(directory, candidate.name), roots);
  if (opened.kind !== 'open') {
    const { reason } = opened;
    const isInTheWay = candidate === current || opened.kind !== 'refused';
    return isInTheWay ? { kind: 'nothing', reason } : { kind: 'gap', report: gapOf(candidate, reason) };
  }
  const { file } = opened;
  const isIt = fileKey(file.position) === fileKey(candidate);
  const models = [...snapshot.files]
    .filter(([name]) => !sorted.ours.some((other) => other.name === name))
    .map(([name, facts]) => ({ path: join(directory, name), facts }));
  const isCopied =
    isIt &&
    candidate !== current &&
    (await isCopy(file, {
      candidate,
      models,
      earlier,
      proof: last?.proof,
      roots,
      // Where the first file lives on, it is no chance.
      leastBytes: isRewritten ? 1 : leastCopyBytes,
    }));
  if (isIt && !isCopied)
    return { kind: 'file', file: { name: candidate.name, directory, file, unreadStamp: stampOf(candidate) } };
  await file.close();
  if (!isIt) return { kind: 'nothing', reason: 'is being rotated' };
  return { kind: 'gap', report: gapOf(candidate, 'looks like a copy of another file') };
}

function gapOf({ name, sizeBytes }: FileCandidate, reason: string): TrailReport {
  return gapReport({ file: name, bytes: sizeBytes, reason });
}

/** Puts before each file what is to be told before it. */
function withArrivals(files: readonly Successor[], scene: Scene, current: string): readonly Successor[] {
  const { sorted, snapshot, lastName, hasLast } = scene;
  // After a truncation the last file is still there; what comes before it was rotated.
  const isRotated = lastName !== undefined && (lastName === current || isRotatedName(current, lastName));
  const mayLack = hasLast && lastName === undefined && (sorted.ours.length > 0 || snapshot.unlisted !== undefined);
  return files.map((file, index) => {
    const { name } = file;
    const lack = (reason: string): TrailReport => gapReport({ file: name, bytes: 'unknown', reason });
    const isFirst = index === 0;
    const reports = [
      ...file.reports,
      ...(isFirst && mayLack
        ? [lack(snapshot.unlisted ?? 'the file before is gone, and others may be gone with it')]
        : []),
      ...(sorted.holesBefore.has(name) ? [lack('a number is missing among the rotated files')] : []),
      ...(isFirst && !scene.isOrderSure ? [unsureOrder(sorted)] : []),
      arrivalReport(!isFirst || isRotated ? 'rotated' : 'appeared', file),
    ];
    return { ...file, reports };
  });
}

function unsureOrder({ ours }: SortedCandidates): TrailReport {
  const reason = 'nobody can know in which order these files were written';
  return { name: 'unsure', content: { files: ours.map((file) => file.name), reason } };
}

/** The event that says that the next bytes are of another file. */
export function arrivalReport(name: 'rotated' | 'appeared', file: NamedFile): TrailReport {
  return { name, content: { file: file.name, inode: file.file.position.ino } };
}
