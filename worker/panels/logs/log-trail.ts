import { basename, dirname } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import type { AllowedRoots } from './allowed-roots.js';
import { createAbsence } from './absence.js';
import { fileKey, mayBeBornAs, stampOf } from './file-facts.js';
import { findFileAgain, lossReport } from './find-again.js';
import { type KnownFiles, lastChangeOf, surveyKnownFiles } from './known-files.js';
import { gapReport, type TrailReport } from './log-events.js';
import type { ReadResult } from './log-file.js';
import { lookAtPath, type NamedPath } from './named-path.js';
import { findSuccessors, type LastFollowed, type Successors } from './successors.js';
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
  const { path, roots, clock, listener } = deps;
  const trail: TrailFile[] = [...start.files];
  const reports: TrailReport[] = [...start.reports];
  const lastReports: TrailReport[] = [...start.lastReports];
  const absence = createAbsence({ path, clock, isTold: start.missing, report: (report) => tell([report]) });
  let { lost, unreadable } = start;
  let known: KnownFiles | undefined = start.known;
  let surveyedAtMs: number | undefined;
  let surveyedChangeNs: bigint | undefined;
  // Until somebody has looked where the path leads after a restart.
  let isBlind = start.known !== undefined;
  for (const entry of trail.slice(0, -1)) entry.supersededAtMs = clock.nowMs();

  const tell = (waiting: TrailReport[]): void => {
    for (let [report] = waiting; report; [report] = waiting) {
      listener.report(report.name, report.content);
      waiting.shift();
    }
  };
  const readChecked = async (entry: TrailFile): Promise<ReadResult | { readonly kind: 'suspect' }> => {
    const nowMs = clock.nowMs();
    if (entry.checked === undefined || nowMs - entry.checked.atMs >= checkMs) {
      const { modifiedNs } = await entry.file.facts();
      const isUntouched = entry.checked?.modifiedNs === modifiedNs;
      if (!isUntouched && !(await entry.file.holds())) return { kind: 'rewritten' };
      entry.checked = { atMs: nowMs, modifiedNs };
    }
    const result = await entry.file.read(readBytes);
    return result.kind !== 'rewritten' && (await mayHaveBeenCopied(entry)) ? { kind: 'suspect' } : result;
  };
  /** Of a file of which nothing was read no content proves that it is still what it was. */
  const mayHaveBeenCopied = async ({ file, unreadStamp }: TrailFile): Promise<boolean> =>
    file.offset === 0 && unreadStamp !== undefined && stampOf(await file.facts()) !== unreadStamp;
  /** Answers "stuck" when a file must be looked at again before the next is read. */
  const readOn = async (): Promise<'read' | 'end' | 'stuck'> => {
    for (const [index, entry] of trail.entries()) {
      tell(entry.toTell);
      const result = await readChecked(entry);
      if (result.kind === 'end') continue;
      if (result.kind !== 'data') return (await restart(entry, index, result.kind === 'rewritten')) ? 'read' : 'stuck';
      if (trail[index + 1]?.toTell.length === 0) {
        listener.report('late', { file: entry.name, bytes: result.bytes.length });
      }
      entry.file.take(result.bytes);
      listener.data(result.bytes);
      return 'read';
    }
    return 'end';
  };
  const lastFollowed = async (): Promise<LastFollowed | undefined> => {
    const last = trail.at(-1);
    if (last === undefined) return lost && { ...lost, key: undefined, proof: lost };
    const { position } = last.file;
    const { modifiedNs } = await last.file.facts();
    const { bornNs } = position;
    return { key: fileKey(position), bornNs, modifiedNs, proof: position, name: last.name };
  };
  const search = async (real: string, isRewritten: boolean): Promise<Successors> => {
    const followed = new Set(trail.map((entry) => fileKey(entry.file.position)));
    const isSuspect = trail.at(-1)?.isSuspect === true;
    return findSuccessors({ real, last: await lastFollowed(), followed, known, roots, isRewritten, isSuspect });
  };
  const entriesOf = (files: Extract<Successors, { kind: 'found' }>['files']): TrailFile[] =>
    files.map(({ reports: toTell, ...file }) => ({ ...file, toTell: [...toTell], suspicions: 0 }));
  /** Begins a file anew that was truncated, after what rotation by copy has kept of it. */
  const restart = async (entry: TrailFile, index: number, isCut: boolean): Promise<boolean> => {
    const { offset, ...position } = entry.file.position;
    const { name } = entry;
    const stamp = stampOf(await entry.file.facts());
    const named = await lookAtPath(path, roots);
    const isNamed = named.kind === 'file' && fileKey(named.facts) === fileKey(position);
    const found = isNamed ? await search(named.real, true) : undefined;
    if (found?.kind === 'nothing') return false;
    const before = found ? entriesOf(found.files) : [];
    const [first] = before;
    const copy = first?.toTell.length === 0 ? first.name : undefined;
    if (copy === undefined && offset > 0) {
      first?.toTell.unshift(gapReport({ file: name, offset, bytes: 'unknown', reason: 'was truncated' }));
    }
    for (const file of before) file.supersededAtMs = clock.nowMs();
    trail.splice(index, 0, ...before);
    known = found?.known ?? known;
    entry.file.restart();
    delete entry.checked;
    entry.isSuspect = !isNamed;
    entry.suspicions = isCut ? 0 : entry.suspicions + 1;
    entry.unreadStamp = entry.suspicions < maxSuspicions ? stamp : undefined;
    if (offset === 0 && !isCut && before.length === 0 && (found?.reports ?? []).length === 0) return true;
    const content = { file: name, offset, ...(copy !== undefined && { copy }) };
    entry.toTell.push(...(found?.reports ?? []), { name: 'truncated', content });
    return true;
  };
  const prune = async (): Promise<void> => {
    const [oldest] = trail;
    if (oldest?.supersededAtMs === undefined) return;
    if (trail.length <= maxOpen && clock.nowMs() - oldest.supersededAtMs < lingerMs) return;
    trail.shift();
    await oldest.file.close();
    await prune();
  };
  const append = async (real: string): Promise<boolean> => {
    const found = await search(real, false);
    if (found.kind === 'nothing') return absence.notice(found.reason);
    const files = entriesOf(found.files);
    if (isBlind && known?.real !== real) {
      const reason = 'the path led elsewhere when it was last looked at';
      files[0]?.toTell.unshift(gapReport({ file: basename(real), bytes: 'unknown', reason }));
    }
    for (const file of files) {
      const previous = trail.at(-1);
      if (previous) previous.supersededAtMs = clock.nowMs();
      trail.push(file);
    }
    lastReports.push(...found.reports);
    known = found.known;
    return files.length > 0;
  };
  /** Looks again at a file that was there and could not be read; gives it up once the path names another one. */
  const retry = async (state: TrailFileState, named: NamedPath): Promise<boolean> => {
    const found = await findFileAgain(state, { path, roots });
    if (found.kind === 'found') {
      const back = absence.isTold
        ? [{ name: 'appeared' as const, content: { file: state.name, inode: state.ino } }]
        : [];
      absence.end();
      unreadable = undefined;
      const toTell = [...state.toTell, ...back];
      trail.push({ ...found.file, unreadStamp: state.unreadStamp, suspicions: 0, toTell });
      return true;
    }
    const isNamed = fileKey(named.facts) === fileKey(state) && mayBeBornAs(named.facts.bornNs, state.bornNs);
    if (found.kind === 'refused' && isNamed) return absence.notice(found.reason);
    lost = state;
    unreadable = undefined;
    lastReports.push(lossReport(state, found.reason));
    return true;
  };
  const isIntact = async (entry: TrailFile, isThorough: boolean): Promise<boolean> => {
    if (await mayHaveBeenCopied(entry)) return false;
    return isThorough ? entry.file.holds() : (await entry.file.read(1)).kind !== 'rewritten';
  };
  const survey = async (real: string, isForced: boolean): Promise<void> => {
    if (!isForced && surveyedAtMs !== undefined && clock.nowMs() - surveyedAtMs < surveyMs) return;
    const changedNs = await lastChangeOf(dirname(real));
    if (!isForced && known?.real === real && changedNs === surveyedChangeNs) return;
    const last = trail.at(-1);
    const found = await surveyKnownFiles(real, last && fileKey(last.file.position));
    surveyedAtMs = clock.nowMs();
    // Afterwards: what is beside a file that was truncated may be what is to be read next.
    if (found === undefined || (last !== undefined && !(await isIntact(last, isForced)))) return;
    known = found;
    surveyedChangeNs = changedNs;
  };
  const look = async (): Promise<boolean> => {
    const named = await lookAtPath(path, roots);
    if (named.kind !== 'file') return absence.notice(named.reason);
    if (unreadable) return retry(unreadable, named);
    const last = trail.at(-1);
    if (last && fileKey(last.file.position) === fileKey(named.facts)) {
      absence.end({ name: 'appeared', content: { file: basename(path), inode: named.facts.ino } });
      await survey(named.real, isBlind);
      isBlind = false;
      return false;
    }
    if (!(await append(named.real))) return false;
    isBlind = false;
    absence.end();
    return true;
  };
  return {
    step: async () => {
      tell(reports);
      const outcome = await readOn();
      if (outcome !== 'end') return outcome === 'read' ? 'again' : 'idle';
      tell(lastReports);
      await prune();
      return (await look()) ? 'again' : 'idle';
    },
    directories: () => [...new Set([dirname(path), ...trail.slice(-1).map((entry) => entry.directory)])],
    hasName: (name) => trail.some((entry) => entry.name === name),
    save: async () => {
      const named = await lookAtPath(path, roots);
      if (!unreadable && named.kind === 'file') await survey(named.real, true);
      const files = [...(await Promise.all(trail.map(saveTrailFile))), ...(unreadable ? [unreadable] : [])];
      return { reports: [...reports], lastReports: [...lastReports], missing: absence.isTold, files, known };
    },
    get offset() {
      return trail.at(-1)?.file.offset ?? 0;
    },
    close: async () => {
      for (const entry of trail.splice(0)) await entry.file.close();
    },
  };
}
