import type { KnownFiles } from './known-files.js';
import type { TrailReport } from './log-events.js';
import type { FilePosition, NamedFile } from './log-file.js';

/** A file of a trail at rest. */
export interface TrailFileState extends FilePosition {
  readonly name: string;
  readonly directory: string;
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  /** What it looked like, by `stampOf`, while nothing of it was read. */
  readonly unreadStamp?: string | undefined;
  /** What to tell before its next byte. */
  readonly toTell: readonly TrailReport[];
}

/** A trail at rest. */
export interface TrailState {
  /** What to tell first. */
  readonly reports: readonly TrailReport[];
  /** What to tell after everything that is in the files. */
  readonly lastReports: readonly TrailReport[];
  readonly missing: boolean;
  /** From the oldest. */
  readonly files: readonly TrailFileState[];
  /** Rotated files that are not going to follow; undefined when nobody could look. */
  readonly known: KnownFiles | undefined;
}

/** A file of a trail. */
export interface TrailFile extends NamedFile {
  /** What to tell before its next byte; empty once its client knows of it. */
  readonly toTell: TrailReport[];
  /** When a younger one was found. */
  supersededAtMs?: number;
  /** What it looked like, by `stampOf`, while nothing of it was read. */
  unreadStamp?: string | undefined;
  /** How often it had been written since then, when somebody wanted to begin with it. */
  suspicions: number;
  /** True when it was written by then, and the path named another one already. */
  isSuspect?: boolean;
  /** When everything that is known of its content was last looked at, and when it had been written then. */
  checked?: { readonly atMs: number; readonly modifiedNs: bigint };
}

/** What a trail starts from. */
export interface TrailStart extends Omit<TrailState, 'files'> {
  readonly files: readonly TrailFile[];
  /** The last file when it is gone. */
  readonly lost?: TrailFileState;
  /** The last file when it is there and may not be read. */
  readonly unreadable?: TrailFileState;
}

/** A file of a trail, to be written down. */
export async function saveTrailFile(entry: TrailFile): Promise<TrailFileState> {
  const { sizeBytes, modifiedNs } = await entry.file.facts();
  const { name, directory, toTell, unreadStamp } = entry;
  return { ...entry.file.position, name, directory, toTell: [...toTell], sizeBytes, modifiedNs, unreadStamp };
}
