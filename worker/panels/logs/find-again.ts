import { basename, join } from 'node:path';
import type { AllowedRoots } from './allowed-roots.js';
import { takeSnapshot } from './directory-snapshot.js';
import { mayBeBornAs } from './file-facts.js';
import { gapReport, type TrailReport } from './log-events.js';
import { type NamedFile, openLogFile } from './log-file.js';
import type { TrailFile, TrailFileState, TrailStart, TrailState } from './trail-state.js';
import { guessRotatedNames } from './rotated-names.js';

/** Where and what may be read. */
export interface FindAgainDeps {
  /** Path as the user wrote it. */
  readonly path: string;
  readonly roots: AllowedRoots;
}

/**
 * Opens the files of a saved trail again, wherever rotation has moved them within their directory. What cannot be found
 * is reported as a gap, with how many bytes are known to be lost at least; a last file that is there and may not be read is
 * waited for.
 */
export async function findTrailAgain(saved: TrailState, deps: FindAgainDeps): Promise<TrailStart> {
  const files: TrailFile[] = [];
  let reports: readonly TrailReport[] = [];
  let start: Pick<TrailStart, 'lost' | 'unreadable'> = {};
  for (const [index, state] of saved.files.entries()) {
    const isLast = index === saved.files.length - 1;
    const found = await findFileAgain(state, deps);
    if (found.kind === 'found') {
      files.push({
        ...found.file,
        unreadStamp: state.unreadStamp,
        suspicions: 0,
        toTell: [...reports, ...state.toTell],
      });
      reports = [];
    } else if (found.kind === 'refused' && isLast) {
      start = { unreadable: state };
    } else if (isLast || state.sizeBytes > state.offset || found.kind === 'refused') {
      reports = [...reports, lossReport(state, found.reason)];
      if (isLast) start = { lost: state };
    }
  }
  return { ...start, files, missing: saved.missing, reports: saved.reports, lastReports: reports, known: saved.known };
}

/** The gap that a file leaves which cannot be read any more. */
export function lossReport({ name, offset, sizeBytes }: TrailFileState, reason: string): TrailReport {
  return gapReport({ file: name, offset, bytes: 'unknown', atLeast: Math.max(0, sizeBytes - offset), reason });
}

/** What became of a file; `hasMoved` when its name was another one's by the time it was opened. */
export type FoundAgain =
  | { readonly kind: 'found'; readonly file: NamedFile }
  | { readonly kind: 'gone' | 'refused'; readonly reason: string; readonly hasMoved?: boolean };

const maxRounds = 20;

/** Looks at every name of the directory, until the file is found or the directory holds still without it. */
export async function findFileAgain(state: TrailFileState, deps: FindAgainDeps): Promise<FoundAgain> {
  const guesses = [state.name, ...guessRotatedNames(basename(deps.path))];
  let refused: string | undefined;
  let gone = 'is gone';
  for (let round = 1; round <= maxRounds; round++) {
    const snapshot = await takeSnapshot({ directory: state.directory, matters: () => true, guesses, maxLooks: 2 });
    let isThere = false;
    for (const [name, facts] of snapshot.files) {
      if (facts.ino !== state.ino || !mayBeBornAs(facts.bornNs, state.bornNs)) continue;
      // Without anything that was read, the number alone has to do.
      if (facts.dev !== state.dev && state.tail.length === 0) continue;
      const found = await openAgain(state, name, deps);
      isThere ||= found.kind === 'gone' && found.hasMoved === true;
      if (found.kind === 'found') return found;
      if (found.kind === 'refused') refused = found.reason;
    }
    gone = snapshot.unlisted === undefined ? 'is gone' : `is not found: ${snapshot.unlisted}`;
    if (snapshot.isStable && !isThere) break;
  }
  return refused === undefined ? { kind: 'gone', reason: gone } : { kind: 'refused', reason: refused };
}

async function openAgain(state: TrailFileState, name: string, deps: FindAgainDeps): Promise<FoundAgain> {
  const { directory } = state;
  const opened = await openLogFile(join(directory, name), deps.roots);
  if (opened.kind !== 'open') {
    const { kind, reason } = opened;
    return kind === 'absent' ? { kind: 'gone', reason, hasMoved: true } : { kind: 'refused', reason };
  }
  const { file } = opened;
  if (file.position.ino === state.ino) {
    file.assume(state);
    // Other content means that it was truncated; or, where nobody knows when it was made, that the number was used again.
    const isCertain = state.bornNs !== 0n && state.bornNs === file.position.bornNs;
    if (isCertain || name === state.name || (await file.holds()))
      return { kind: 'found', file: { name, directory, file } };
  }
  const hasMoved = file.position.ino !== state.ino;
  await file.close();
  return { kind: 'gone', reason: 'is gone', hasMoved };
}
