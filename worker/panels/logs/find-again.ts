import { dirname, join } from 'node:path';
import type { AllowedRoots } from './allowed-roots.js';
import { takeSnapshot } from './directory-snapshot.js';
import { openLogFile } from './log-file.js';
import type { TrailFile, TrailFileState, TrailReport, TrailStart, TrailState } from './log-trail.js';
import type { NamedFile } from './successors.js';

/** Where and what may be read. */
export interface FindAgainDeps {
  /** Path as the user wrote it. */
  readonly path: string;
  readonly roots: AllowedRoots;
}

/**
 * Opens the files of a saved trail again, wherever rotation has moved them within their directory. What cannot be found
 * is reported as a gap, with how many bytes are known to be lost at least.
 */
export async function findTrailAgain(saved: TrailState, deps: FindAgainDeps): Promise<TrailStart> {
  const files: TrailFile[] = [];
  const reports: TrailReport[] = [...saved.reports];
  let lost: TrailFileState | undefined;
  for (const [index, state] of saved.files.entries()) {
    const isLast = index === saved.files.length - 1;
    const found = await findFile(state, deps);
    if (found) {
      files.push({ ...found, announced: state.announced, arrival: 'rotated' });
    } else if (isLast || state.sizeBytes > state.offset) {
      const { name, offset } = state;
      const atLeast = Math.max(0, state.sizeBytes - offset);
      reports.push({ name: 'gap', content: { file: name, offset, bytes: 'unknown', atLeast } });
      if (isLast) lost = state;
    }
  }
  return { files, missing: saved.missing, reports, ...(lost && { lostModifiedNs: lost.modifiedNs }) };
}

const maxRounds = 20;

/** Looks where it was first, and then at every name, until it is found or the directory holds still without it. */
async function findFile(state: TrailFileState, deps: FindAgainDeps): Promise<NamedFile | undefined> {
  for (let round = 1; round <= maxRounds; round++) {
    const { files, isStable } = await takeSnapshot(state.directory, () => true, 2);
    for (const [name, facts] of files) {
      if (facts.ino !== state.ino) continue;
      // Without anything that was read, the number alone has to do.
      if (facts.dev !== state.dev && state.tail.length === 0) continue;
      const found = await openAgain(state, name, deps);
      if (found) return found;
    }
    if (isStable) return undefined;
  }
  return undefined;
}

async function openAgain(state: TrailFileState, name: string, deps: FindAgainDeps): Promise<NamedFile | undefined> {
  const { directory } = state;
  const file = await openLogFile(join(directory, name), deps.roots, state);
  if (file === undefined) return undefined;
  const { kind } = file.position.ino === state.ino ? await file.read(1) : { kind: 'rewritten' };
  // Behind the same path, other content means that it was truncated; elsewhere, that the inode was used again.
  const isInPlace = name === state.name && dirname(deps.path) === directory && file.position.ino === state.ino;
  if (kind !== 'rewritten' || isInPlace) return { name, directory, file };
  await file.close();
  return undefined;
}
