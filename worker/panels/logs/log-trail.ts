import { basename, dirname } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import type { AllowedRoots } from './allowed-roots.js';
import { createAbsence, type Absence } from './absence.js';
import { fileKey, mayBeBornAs, stampOf } from './file-facts.js';
import { findFileAgain, lossReport } from './find-again.js';
import { type KnownFiles, lastChangeOf, surveyKnownFiles } from './known-files.js';
import { gapReport, type TrailReport } from './log-events.js';
import type { ReadResult } from './log-file.js';
import { lookAtPath, type NamedPath } from './named-path.js';
import { findSuccessors, type LastFollowed, type Successor, type Successors } from './successors.js';
import { saveTrailFile, type TrailFile, type TrailFileState, type TrailStart, type TrailState } from './trail-state.js';

/** What a trail tells, in order with the bytes. */
export interface TrailListener {
  /** An event of the session. Throws when no more fit; the trail has not moved then. */
  report(name: string, content: Readonly<Record<string, unknown>>): void;
  data(bytes: Buffer): void;
}

/** The files that a path named one after the other, each read to its end, as one stream. */
export interface LogTrail {
  /** Reads one block, or looks for rotation. Answers "idle" when nothing is left to do until something happens. */
  step(): Promise<'again' | 'idle'>;
  /** Directories in which something may happen. */
  directories(): readonly string[];
  /** True for the name of a file that is followed. */
  hasName(name: string): boolean;
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
// Looking at all that is known of a file's content takes some milliseconds.
const checkMs = 1000;
const surveyMs = 1000;
// A program that writes all the time is believed after a while.
const maxSuspicions = 8;

/** Follows on from a start. */
export function createLogTrail(deps: LogTrailDeps, start: TrailStart): LogTrail {
  return new FileTrail(deps, start);
}

class FileTrail implements LogTrail {
  readonly #deps: LogTrailDeps;
  readonly #absence: Absence;
  /** From the oldest; all but the last are only waited for. */
  readonly #files: TrailFile[];
  readonly #reports: TrailReport[];
  readonly #lastReports: TrailReport[];
  #lost: TrailFileState | undefined;
  #unreadable: TrailFileState | undefined;
  #known: KnownFiles | undefined;
  #surveyedAtMs: number | undefined;
  #surveyedChangeNs: bigint | undefined;
  // Until somebody has looked where the path leads after a restart.
  #isBlind: boolean;

  constructor(deps: LogTrailDeps, start: TrailStart) {
    const { path, clock } = deps;
    this.#deps = deps;
    this.#files = [...start.files];
    this.#reports = [...start.reports];
    this.#lastReports = [...start.lastReports];
    this.#absence = createAbsence({
      path,
      clock,
      isTold: start.missing,
      report: (report) => this.#tell([report]),
    });
    this.#lost = start.lost;
    this.#unreadable = start.unreadable;
    this.#known = start.known;
    this.#isBlind = start.known !== undefined;
    for (const entry of this.#files.slice(0, -1)) entry.supersededAtMs = clock.nowMs();
  }

  get offset(): number {
    return this.#files.at(-1)?.file.offset ?? 0;
  }

  async step(): Promise<'again' | 'idle'> {
    this.#tell(this.#reports);
    const outcome = await this.#readOn();
    if (outcome !== 'end') return outcome === 'read' ? 'again' : 'idle';
    this.#tell(this.#lastReports);
    await this.#prune();
    return (await this.#look()) ? 'again' : 'idle';
  }

  directories(): readonly string[] {
    return [...new Set([dirname(this.#deps.path), ...this.#files.slice(-1).map((entry) => entry.directory)])];
  }

  hasName(name: string): boolean {
    return this.#files.some((entry) => entry.name === name);
  }

  async save(): Promise<TrailState> {
    const named = await lookAtPath(this.#deps.path, this.#deps.roots);
    if (!this.#unreadable && named.kind === 'file') await this.#survey(named.real, true);
    const files = await Promise.all(this.#files.map(saveTrailFile));
    return {
      reports: [...this.#reports],
      lastReports: [...this.#lastReports],
      missing: this.#absence.isTold,
      files: this.#unreadable ? [...files, this.#unreadable] : files,
      known: this.#known,
    };
  }

  async close(): Promise<void> {
    for (const entry of this.#files.splice(0)) await entry.file.close();
  }

  #tell(waiting: TrailReport[]): void {
    for (let [report] = waiting; report; [report] = waiting) {
      this.#deps.listener.report(report.name, report.content);
      waiting.shift();
    }
  }

  /** Answers "stuck" when a file must be looked at again before the next is read. */
  async #readOn(): Promise<'read' | 'end' | 'stuck'> {
    const { clock, listener } = this.#deps;
    for (const [index, entry] of this.#files.entries()) {
      this.#tell(entry.toTell);
      const result = await readChecked(entry, clock.nowMs());
      if (result.kind === 'end') continue;
      if (result.kind !== 'data') {
        return (await this.#restart(entry, index, result.kind === 'rewritten')) ? 'read' : 'stuck';
      }
      if (this.#files[index + 1]?.toTell.length === 0) {
        listener.report('late', { file: entry.name, bytes: result.bytes.length });
      }
      entry.file.take(result.bytes);
      listener.data(result.bytes);
      return 'read';
    }
    return 'end';
  }

  /** Begins a file anew that was truncated, after what rotation by copy has kept of it. */
  async #restart(entry: TrailFile, index: number, isCut: boolean): Promise<boolean> {
    const { offset, ...position } = entry.file.position;
    const { name } = entry;
    const stamp = stampOf(await entry.file.facts());
    const named = await lookAtPath(this.#deps.path, this.#deps.roots);
    const isNamed = named.kind === 'file' && fileKey(named.facts) === fileKey(position);
    const found = isNamed ? await this.#search(named.real, true) : undefined;
    if (found?.kind === 'nothing') return false;
    const before = found ? entriesOf(found.files) : [];
    const [first] = before;
    const copy = first?.toTell.length === 0 ? first.name : undefined;
    if (copy === undefined && offset > 0) {
      first?.toTell.unshift(gapReport({ file: name, offset, bytes: 'unknown', reason: 'was truncated' }));
    }
    for (const file of before) file.supersededAtMs = this.#deps.clock.nowMs();
    this.#files.splice(index, 0, ...before);
    this.#known = found?.known ?? this.#known;
    beginAnew(entry, { stamp, isCut, isSuspect: !isNamed });
    const reports = found?.reports ?? [];
    if (offset === 0 && !isCut && before.length === 0 && reports.length === 0) return true;
    const content = { file: name, offset, ...(copy !== undefined && { copy }) };
    entry.toTell.push(...reports, { name: 'truncated', content });
    return true;
  }

  /** Closes what was renamed long enough ago that nobody writes to it any more. */
  async #prune(): Promise<void> {
    const [oldest] = this.#files;
    if (oldest?.supersededAtMs === undefined) return;
    if (this.#files.length <= maxOpen && this.#deps.clock.nowMs() - oldest.supersededAtMs < lingerMs) return;
    this.#files.shift();
    await oldest.file.close();
    await this.#prune();
  }

  /** Looks where the path leads now. True when there is something new to read or to tell. */
  async #look(): Promise<boolean> {
    const { path, roots } = this.#deps;
    const named = await lookAtPath(path, roots);
    if (named.kind !== 'file') return this.#absence.notice(named.reason);
    if (this.#unreadable) return this.#retry(this.#unreadable, named);
    const last = this.#files.at(-1);
    if (last && fileKey(last.file.position) === fileKey(named.facts)) {
      this.#absence.end({ name: 'appeared', content: { file: basename(path), inode: named.facts.ino } });
      await this.#survey(named.real, this.#isBlind);
      this.#isBlind = false;
      return false;
    }
    if (!(await this.#append(named.real))) return false;
    this.#isBlind = false;
    this.#absence.end();
    return true;
  }

  /** Looks again at a file that was there and could not be read; gives it up once the path names another one. */
  async #retry(state: TrailFileState, named: NamedPath): Promise<boolean> {
    const found = await findFileAgain(state, this.#deps);
    if (found.kind === 'found') {
      const back = this.#absence.isTold
        ? [{ name: 'appeared' as const, content: { file: state.name, inode: state.ino } }]
        : [];
      this.#absence.end();
      this.#unreadable = undefined;
      const toTell = [...state.toTell, ...back];
      this.#files.push({ ...found.file, unreadStamp: state.unreadStamp, suspicions: 0, toTell });
      return true;
    }
    const isNamed = fileKey(named.facts) === fileKey(state) && mayBeBornAs(named.facts.bornNs, state.bornNs);
    if (found.kind === 'refused' && isNamed) return this.#absence.notice(found.reason);
    this.#lost = state;
    this.#unreadable = undefined;
    this.#lastReports.push(lossReport(state, found.reason));
    return true;
  }

  /** Takes up the files that have followed the last one. */
  async #append(real: string): Promise<boolean> {
    const found = await this.#search(real, false);
    if (found.kind === 'nothing') return this.#absence.notice(found.reason);
    const files = entriesOf(found.files);
    if (this.#isBlind && this.#known?.real !== real) {
      const reason = 'the path led elsewhere when it was last looked at';
      files[0]?.toTell.unshift(gapReport({ file: basename(real), bytes: 'unknown', reason }));
    }
    for (const file of files) {
      const previous = this.#files.at(-1);
      if (previous) previous.supersededAtMs = this.#deps.clock.nowMs();
      this.#files.push(file);
    }
    this.#lastReports.push(...found.reports);
    this.#known = found.known;
    return files.length > 0;
  }

  async #search(real: string, isRewritten: boolean): Promise<Successors> {
    const followed = new Set(this.#files.map((entry) => fileKey(entry.file.position)));
    const isSuspect = this.#files.at(-1)?.isSuspect === true;
    const last = await this.#lastFollowed();
    const { roots } = this.#deps;
    return findSuccessors({ real, last, followed, known: this.#known, roots, isRewritten, isSuspect });
  }

  async #lastFollowed(): Promise<LastFollowed | undefined> {
    const last = this.#files.at(-1);
    if (last === undefined) return this.#lost && { ...this.#lost, key: undefined, proof: this.#lost };
    const { position } = last.file;
    const { modifiedNs } = await last.file.facts();
    const { bornNs } = position;
    return { key: fileKey(position), bornNs, modifiedNs, proof: position, name: last.name };
  }

  /** Notes which rotated files there are, while the last file is still what it was. */
  async #survey(real: string, isForced: boolean): Promise<void> {
    const { clock } = this.#deps;
    if (!isForced && this.#surveyedAtMs !== undefined && clock.nowMs() - this.#surveyedAtMs < surveyMs) return;
    const changedNs = await lastChangeOf(dirname(real));
    if (!isForced && this.#known?.real === real && changedNs === this.#surveyedChangeNs) return;
    const last = this.#files.at(-1);
    const found = await surveyKnownFiles(real, last && fileKey(last.file.position));
    this.#surveyedAtMs = clock.nowMs();
    // Afterwards: what is beside a file that was truncated may be what is to be read next.
    if (found === undefined || (last !== undefined && !(await isIntact(last, isForced)))) return;
    this.#known = found;
    this.#surveyedChangeNs = changedNs;
  }
}

/**
 * Reads the next block of a file, which every second is first compared with what was read of it before. "suspect": nothing was
 * read of it yet, and it may have been copied and truncated meanwhile.
 */
async function readChecked(entry: TrailFile, nowMs: number): Promise<ReadResult | { readonly kind: 'suspect' }> {
  if (entry.checked === undefined || nowMs - entry.checked.atMs >= checkMs) {
    const { modifiedNs } = await entry.file.facts();
    const isUntouched = entry.checked?.modifiedNs === modifiedNs;
    if (!isUntouched && !(await entry.file.holds())) return { kind: 'rewritten' };
    entry.checked = { atMs: nowMs, modifiedNs };
  }
  const result = await entry.file.read(readBytes);
  return result.kind !== 'rewritten' && (await mayHaveBeenCopied(entry)) ? { kind: 'suspect' } : result;
}

/** True when a file is still what it was; a thorough look compares all that is known of its content. */
async function isIntact(entry: TrailFile, isThorough: boolean): Promise<boolean> {
  if (await mayHaveBeenCopied(entry)) return false;
  return isThorough ? entry.file.holds() : (await entry.file.read(1)).kind !== 'rewritten';
}

/** Of a file of which nothing was read no content proves that it is still what it was. */
async function mayHaveBeenCopied({ file, unreadStamp }: TrailFile): Promise<boolean> {
  return file.offset === 0 && unreadStamp !== undefined && stampOf(await file.facts()) !== unreadStamp;
}

function entriesOf(files: readonly Successor[]): TrailFile[] {
  return files.map(({ reports: toTell, ...file }) => ({ ...file, toTell: [...toTell], suspicions: 0 }));
}

interface NewBeginning {
  readonly stamp: string;
  /** It was truncated for certain; else it may have been. */
  readonly isCut: boolean;
  readonly isSuspect: boolean;
}

function beginAnew(entry: TrailFile, { stamp, isCut, isSuspect }: NewBeginning): void {
  entry.file.restart();
  delete entry.checked;
  entry.isSuspect = isSuspect;
  entry.suspicions = isCut ? 0 : entry.suspicions + 1;
  entry.unreadStamp = entry.suspicions < maxSuspicions ? stamp : undefined;
}
