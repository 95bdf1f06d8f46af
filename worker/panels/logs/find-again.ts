import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AllowedRoots } from './allowed-roots.js';
import { type LogFile, openLogFile } from './log-file.js';
import type { TrailFile, TrailFileState, TrailReport, TrailStart, TrailState } from './log-trail.js';

/**
 * Opens the files of a saved trail again, wherever rotation has moved them within their directory. What cannot be found
 * is reported as a gap, with how many bytes are known to be lost at least.
 */
export async function findTrailAgain(
  saved: TrailState,
  deps: { readonly path: string; readonly roots: AllowedRoots },
): Promise<TrailStart> {
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

interface Found {
  readonly name: string;
  readonly directory: string;
  readonly file: LogFile;
}

async function findFile(
  state: TrailFileState,
  { path, roots }: { readonly path: string; readonly roots: AllowedRoots },
): Promise<Found | undefined> {
  const names = await readdir(state.directory).catch(() => []);
  // Where it was first.
  for (const name of [state.name, ...names.filter((other) => other !== state.name)]) {
    const place = join(state.directory, name);
    const facts = await stat(place, { bigint: true }).catch(() => undefined);
    if (facts?.ino.toString() !== state.ino) continue;
    const file = await openLogFile(place, roots, state);
    if (file === undefined) continue;
    const { kind } = await file.read(1);
    // Behind the same path, other content means that it was truncated; elsewhere, that the inode was used again.
    const isTruncated = kind === 'rewritten' && name === state.name && dirname(path) === state.directory;
    const isSameDevice = facts.dev.toString() === state.dev || state.tail.length > 0;
    if (isSameDevice && (kind !== 'rewritten' || isTruncated)) return { name, directory: state.directory, file };
    await file.close();
  }
  return undefined;
}
