import type { FileFacts } from './file-facts.js';
import { isKnownFile, type KnownFiles } from './known-files.js';
import { dateDigits, readRotatedName } from './rotated-names.js';

/** A rotated file that may have followed the last one. */
export interface FileCandidate extends FileFacts {
  readonly name: string;
}

/** The last file that was followed, as far as others are compared with it. */
export interface LastFile {
  /** When it was made, in nanoseconds; 0 where nobody knows. */
  readonly bornNs: bigint;
  /** Time of its last write that was seen, in nanoseconds. */
  readonly modifiedNs: bigint;
  /** Its name by now; undefined when it is gone, or nobody can see it. */
  readonly name: string | undefined;
}

/** What is to be sorted. */
export interface CandidateSearch {
  /** Name of the file that the path names. */
  readonly current: string;
  /** Files with rotated names, each once, without those that are followed already. */
  readonly candidates: readonly FileCandidate[];
  /** Undefined when nothing was followed before. */
  readonly last: LastFile | undefined;
  readonly known: KnownFiles | undefined;
}

/** A file that may belong to the log, or not. */
export interface Doubt {
  readonly candidate: FileCandidate;
  readonly reason: string;
}

/** What came between the last file and the current one. */
export interface SortedCandidates {
  /** From the oldest. */
  readonly ours: readonly FileCandidate[];
  readonly doubts: readonly Doubt[];
  /** False when nobody can know in which order they came. */
  readonly isOrderSure: boolean;
  /** Names before which a number is missing; that of the current file, too. */
  readonly holesBefore: ReadonlySet<string>;
}

/**
 * Tells which rotated files followed the last one, and in which order. Names alone prove nothing: the newest may have
 * the highest number or the lowest, and an archive may be given any number. Files that were there before, that are older than
 * the last one, or whose last write is, did not follow; what cannot be told is a doubt.
 */
export function sortCandidates(search: CandidateSearch): SortedCandidates {
  const { current, candidates, last } = search;
  const judged = candidates.map((candidate) => ({ candidate, verdict: judge(search, candidate) }));
  const ours = judged.filter(({ verdict }) => verdict === 'ours').map(({ candidate }) => candidate);
  const doubts = judged.flatMap(({ candidate, verdict }) =>
    typeof verdict === 'object' ? [{ candidate, reason: verdict.doubt }] : [],
  );
  const direction = directionOf(current, ours, last?.name);
  const order = compareBy(current, direction);
  const sorted = [...ours].sort((a, b) => order(a, b) || fallback(current, a, b));
  const isOrderSure = sorted.every((file, index) => index === 0 || order(sorted[index - 1] ?? file, file) !== 0);
  return { ours: sorted, doubts, isOrderSure, holesBefore: findHoles({ current, sorted, direction, last }) };
}

type Verdict = 'ours' | 'not ours' | { readonly doubt: string };

function judge({ current, last, known }: CandidateSearch, file: FileCandidate): Verdict {
  if (last === undefined && known === undefined) return 'not ours';
  const before = known === undefined ? 'no' : isKnownFile(known, file);
  if (before === 'yes') return 'not ours';
  if (before === 'unsure') return { doubt: 'cannot be told from a file that was there before' };
  const age = last === undefined ? 'younger' : compareAge(file, last, known !== undefined);
  if (age === 'older') return 'not ours';
  if (age === 'unknown') return { doubt: 'may have been written before the file before it' };
  return isOfAnother(current, file, last) ? { doubt: 'may be the log of another program' } : 'ours';
}

function compareAge(file: FileCandidate, last: LastFile, isNew: boolean): 'older' | 'younger' | 'unknown' {
  if (file.bornNs !== 0n && last.bornNs !== 0n) {
    // Unpacked or copied back: made now, written long ago.
    return file.bornNs < last.bornNs || file.modifiedNs < last.bornNs ? 'older' : 'younger';
  }
  if (file.modifiedNs > last.modifiedNs) return 'younger';
  if (isNew) return file.modifiedNs === last.modifiedNs ? 'younger' : 'unknown';
  return file.modifiedNs === last.modifiedNs ? 'unknown' : 'older';
}

// app-2.log beside app.log: unless it was renamed, or app.log itself came to be called so, nobody knows.
function isOfAnother(current: string, file: FileCandidate, last: LastFile | undefined): boolean {
  const name = readRotatedName(current, file.name);
  if (name === undefined || name.isCertain || file.changedNs > file.modifiedNs) return name === undefined;
  const lastName = last?.name === undefined ? undefined : readRotatedName(current, last.name);
  const isSameWay = lastName?.isCertain === false && lastName.suffix.startsWith(name.suffix.charAt(0));
  return !isSameWay;
}

/** "down": the newest has the lowest number, as of logrotate; "up": the highest, as of Log4j. */
type Direction = 'down' | 'up' | undefined;

function directionOf(current: string, ours: readonly FileCandidate[], lastName: string | undefined): Direction {
  const last = lastName === undefined ? undefined : numberOf(current, lastName);
  const numbers = ours.map((file) => numberOf(current, file.name));
  if (numbers.length === 0 || numbers.includes(undefined)) return undefined;
  if (last !== undefined) {
    if (numbers.every((number) => number !== undefined && number < last)) return 'down';
    return numbers.every((number) => number !== undefined && number > last) ? 'up' : undefined;
  }
  const byBirth = [...ours].sort((a, b) => (a.bornNs < b.bornNs ? -1 : a.bornNs > b.bornNs ? 1 : 0));
  const steps = byBirth.slice(1).map((file, index) => {
    const previous = byBirth[index] ?? file;
    if (previous.bornNs === file.bornNs) return 0;
    return Math.sign((numberOf(current, file.name) ?? 0) - (numberOf(current, previous.name) ?? 0));
  });
  if (steps.length === 0 || steps.includes(0)) return undefined;
  if (steps.every((step) => step < 0)) return 'down';
  return steps.every((step) => step > 0) ? 'up' : undefined;
}

/** Oldest first; 0 when nobody can know. */
function compareBy(current: string, direction: Direction): (a: FileCandidate, b: FileCandidate) => number {
  return (a, b) => {
    if (a.bornNs !== 0n && b.bornNs !== 0n && a.bornNs !== b.bornNs) return a.bornNs < b.bornNs ? -1 : 1;
    const byNumber = (numberOf(current, a.name) ?? 0) - (numberOf(current, b.name) ?? 0);
    if (direction !== undefined && byNumber !== 0) return direction === 'up' ? byNumber : -byNumber;
    if (a.modifiedNs !== b.modifiedNs) return a.modifiedNs < b.modifiedNs ? -1 : 1;
    return compareDates(current, a.name, b.name);
  };
}

function compareDates(current: string, a: string, b: string): number {
  const one = readRotatedName(current, a)?.suffix ?? '';
  const other = readRotatedName(current, b)?.suffix ?? '';
  const hasDates = [one, other].every((suffix) => suffix.replace(/\D/g, '').length >= dateDigits);
  if (!hasDates || one.length !== other.length || one === other) return 0;
  return one < other ? -1 : 1;
}

function fallback(current: string, a: FileCandidate, b: FileCandidate): number {
  return (numberOf(current, b.name) ?? 0) - (numberOf(current, a.name) ?? 0) || (a.name < b.name ? -1 : 1);
}

interface HoleSearch {
  readonly current: string;
  readonly sorted: readonly FileCandidate[];
  readonly direction: Direction;
  readonly last: LastFile | undefined;
}

function findHoles({ current, sorted, direction, last }: HoleSearch): ReadonlySet<string> {
  const holes = new Set<string>();
  if (direction === undefined) return holes;
  let previous = last?.name === undefined ? undefined : numberOf(current, last.name);
  for (const { name } of sorted) {
    const number = numberOf(current, name) ?? 0;
    if (previous !== undefined && Math.abs(number - previous) !== 1) holes.add(name);
    previous = number;
  }
  // The newest is .1, or .0 where counting starts there.
  if (direction === 'down' && previous !== undefined && previous > 1) holes.add(current);
  return holes;
}

function numberOf(current: string, name: string): number | undefined {
  return readRotatedName(current, name)?.number;
}
