import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '#common/clock.js';
import { isPaneletError } from '#common/errors.js';
import type { AllowedRoots } from './allowed-roots.js';
import type { FilePosition } from './log-file.js';
import { fileKey, findSuccessors, type NamedFile } from './successors.js';

/** What a trail tells, in order with the bytes. */
export interface TrailListener {
  /** An event of the session. Throws when no more fit; the trail has not moved then. */
  report(name: string, content: Readonly<Record<string, unknown>>): void;
  data(bytes: Buffer): void;
}

/** A file of a trail at rest. */
export interface TrailFileState extends FilePosition {
  readonly name: string;
  readonly directory: string;
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  readonly announced: boolean;
}

/** Something that its client has not been told yet. */
export interface TrailReport {
  readonly name: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** A trail at rest. */
export interface TrailState {
  readonly reports: readonly TrailReport[];
  readonly missing: boolean;
  /** From the oldest. */
  readonly files: readonly TrailFileState[];
}

/** A file of a trail. */
export interface TrailFile extends NamedFile {
  /** True once its client knows that it follows the one before. */
  announced: boolean;
  /** Name of the event that says so. */
  readonly arrival: 'rotated' | 'appeared';
  /** When a younger one was found. */
  supersededAtMs?: number;
}

/** What a trail starts from. */
export interface TrailStart {
  readonly files: readonly TrailFile[];
  readonly missing: boolean;
  /** What to tell first. */
  readonly reports: readonly TrailReport[];
  /** Time of the last write, in nanoseconds, of the last file when it is gone. */
  readonly lostModifiedNs?: bigint;
}

/** The files that a path named one after the other, each read to its end, as one stream. */
export interface LogTrail {
  /** Reads one block, or looks for rotation. Answers "idle" when nothing is left to do until something happens. */
  step(): Promise<'again' | 'idle'>;
  /** Directories in which something may happen. */
  directories(): readonly string[];
  /** Everything needed to continue elsewhere. */
  save(): Promise<TrailState>;
  /** Offset in the youngest file, for people. */
  readonly offset: number;
  close(): Promise<void>;
}

/** What a trail needs. */
export interface LogTrailDeps {
  /** Path as the user wrote it; it may lead somewhere else every time. */
  readonly path: string;
  readonly roots: AllowedRoots;
  readonly clock: Clock;
  readonly listener: TrailListener;
}

const readBytes = 64 * 1024;
// A program may write to a file that was renamed, until it notices.
const lingerMs = 5000;
const maxOpen = 4;
// Rotation removes a name and makes it again; only a longer absence is worth telling.
const absenceMs = 1000;

/** Follows on from a start. */
export function createLogTrail(deps: LogTrailDeps, start: TrailStart): LogTrail {
  const { path, roots, clock, listener } = deps;
  const trail: TrailFile[] = [...start.files];
  let { missing } = start;
  let absentSinceMs: number | undefined;

  const reports: TrailReport[] = [...start.reports];

  const tell = (): void => {
    for (let [report] = reports; report; [report] = reports) {
      listener.report(report.name, report.content);
      reports.shift();
    }
  };
  const readOn = async (): Promise<boolean> => {
    for (const [index, entry] of trail.entries()) {
      if (!entry.announced) {
        listener.report(entry.arrival, { file: entry.name, inode: entry.file.position.ino });
        entry.announced = true;
      }
      const result = await entry.file.read(readBytes);
      if (result.kind === 'end') continue;
      if (result.kind === 'rewritten') {
        listener.report('truncated', { file: entry.name, offset: entry.file.position.offset });
        entry.file.restart();
        return true;
      }
      if (trail[index + 1]?.announced === true)
        listener.report('late', { file: entry.name, bytes: result.bytes.length });
      entry.file.take(result.bytes);
      listener.data(result.bytes);
      return true;
    }
    return false;
  };
  const prune = async (): Promise<void> => {
    const [oldest] = trail;
    if (oldest?.supersededAtMs === undefined) return;
    if (trail.length <= maxOpen && clock.nowMs() - oldest.supersededAtMs < lingerMs) return;
    trail.shift();
    await oldest.file.close();
    await prune();
  };
  const onAbsent = (): false => {
    absentSinceMs ??= clock.nowMs();
    if (missing || clock.nowMs() - absentSinceMs < absenceMs) return false;
    listener.report('missing', { path });
    missing = true;
    return false;
  };
  const append = async (real: string): Promise<boolean> => {
    const last = trail.at(-1);
    const lostNs = start.lostModifiedNs;
    const found = await findSuccessors({
      real,
      last: last
        ? { key: fileKey(last.file.position), modifiedNs: (await last.file.facts()).modifiedNs }
        : lostNs === undefined
          ? undefined
          : { key: undefined, modifiedNs: lostNs },
      known: new Set(trail.map((entry) => fileKey(entry.file.position))),
      roots,
    });
    const arrival = found.isRotated ? 'rotated' : 'appeared';
    for (const file of found.files) {
      const previous = trail.at(-1);
      if (previous) previous.supersededAtMs = clock.nowMs();
      trail.push({ ...file, announced: false, arrival });
    }
    return found.files.length > 0;
  };
  const look = async (): Promise<boolean> => {
    const named = await stat(path, { bigint: true }).catch(() => undefined);
    const real = named && resolveQuietly(roots, path);
    if (named === undefined || real === undefined) return onAbsent();
    absentSinceMs = undefined;
    const last = trail.at(-1);
    const isSame = last && fileKey(last.file.position) === `${named.dev.toString()}:${named.ino.toString()}`;
    if (isSame === true) {
      if (missing) listener.report('appeared', { file: basename(path), inode: named.ino.toString() });
      missing = false;
      return false;
    }
    if (!(await append(real))) return onAbsent();
    missing = false;
    return true;
  };
  return {
    step: async () => {
      tell();
      if (await readOn()) return 'again';
      await prune();
      return (await look()) ? 'again' : 'idle';
    },
    directories: () => [...new Set([dirname(path), ...trail.slice(-1).map((entry) => entry.directory)])],
    save: async () => ({ reports: [...reports], missing, files: await Promise.all(trail.map(saveFile)) }),
    get offset() {
      return trail.at(-1)?.file.position.offset ?? 0;
    },
    close: async () => {
      for (const entry of trail.splice(0)) await entry.file.close();
    },
  };
}

async function saveFile(entry: TrailFile): Promise<TrailFileState> {
  const { sizeBytes, modifiedNs } = await entry.file.facts();
  const { name, directory, announced } = entry;
  return { ...entry.file.position, name, directory, announced, sizeBytes, modifiedNs };
}

/** A path that leads outside the roots by now is as good as absent. */
function resolveQuietly(roots: AllowedRoots, path: string): string | undefined {
  try {
    return roots.resolve(path);
  } catch (error) {
    if (isPaneletError(error, 'PANEL_FAILED')) return undefined;
    throw error;
  }
}
