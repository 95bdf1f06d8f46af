import { describe, expect, test } from '@jest/globals';
import type { KnownFiles } from './known-files.js';
import { type FileCandidate, type CandidateSearch, sortCandidates } from './sort-candidates.js';

/** A file that was made and written at these moments; a moment 0 of birth means that nobody knows. */
const file = (name: string, bornNs: number, modifiedNs: number, more: Partial<FileCandidate> = {}): FileCandidate => ({
  name,
  dev: '1',
  ino: name,
  sizeBytes: 10,
  bornNs: BigInt(bornNs),
  modifiedNs: BigInt(modifiedNs),
  changedNs: BigInt(modifiedNs),
  ...more,
});
const knownOf = (...files: FileCandidate[]): KnownFiles => ({
  real: '/log/app.log',
  directory: { ino: '1', bornNs: 0n },
  files,
  beforeNs: 0n,
});
const sort = (candidates: readonly FileCandidate[], more: Partial<CandidateSearch> = {}) => {
  const last = { bornNs: 100n, modifiedNs: 150n, name: 'app.log.9' };
  const sorted = sortCandidates({ current: 'app.log', candidates, last, known: undefined, ...more });
  return {
    ours: sorted.ours.map(({ name }) => name),
    doubts: sorted.doubts.map(({ candidate }) => candidate.name),
    isOrderSure: sorted.isOrderSure,
    holesBefore: [...sorted.holesBefore],
  };
};
const gone = { bornNs: 100n, modifiedNs: 150n, name: undefined };

describe('which rotated files follow', () => {
  test('those that were made later, in that order, whatever they are called', () => {
    const candidates = [file('app.log.2', 300, 350), file('app.log.3', 200, 250), file('app.log.1', 50, 90)];
    expect(sort(candidates, { last: gone })).toMatchObject({ ours: ['app.log.3', 'app.log.2'], isOrderSure: true });
  });

  test('not one that was made now and written before: it was unpacked', () => {
    expect(sort([file('app.log.1', 200, 90)])).toMatchObject({ ours: [], doubts: [] });
  });

  test('made in one moment: by the numbers beside that of the last file', () => {
    const tied = ['app.log.1', 'app.log.2', 'app.log.3'].map((name) => file(name, 200, 200));
    const named = (name: string) => ({ last: { ...gone, name } });
    expect(sort(tied, named('app.log.4')).ours).toEqual(['app.log.3', 'app.log.2', 'app.log.1']);
    expect(sort(tied, named('app.log.0')).ours).toEqual(['app.log.1', 'app.log.2', 'app.log.3']);
    expect(sort(tied, { last: gone })).toMatchObject({ isOrderSure: false });
  });

  test('made in one moment, with dates in their names: by the dates', () => {
    const tied = ['app.log-20260103', 'app.log-20260102'].map((name) => file(name, 200, 200));
    expect(sort(tied)).toMatchObject({ ours: ['app.log-20260102', 'app.log-20260103'], isOrderSure: true });
  });

  test('a missing number is a hole, also that before the current file', () => {
    const candidates = [file('app.log.7', 200, 250), file('app.log.5', 300, 350)];
    expect(sort(candidates)).toMatchObject({ holesBefore: ['app.log.7', 'app.log.5', 'app.log'] });
  });
});

describe('where the file system does not say when files were made', () => {
  const last = { bornNs: 0n, modifiedNs: 150n, name: 'app.log.3' };
  const old = file('app.log.4', 0, 90);

  test('those that were not there before, by their last write', () => {
    const candidates = [old, file('app.log-20260103', 0, 300), file('app.log-20260102', 0, 200)];
    expect(sort(candidates, { last, known: knownOf(old) }).ours).toEqual(['app.log-20260102', 'app.log-20260103']);
  });

  test('without knowledge of what was there before: those that were written later', () => {
    expect(sort([old, file('app.log.1', 0, 200)], { last }).ours).toEqual(['app.log.1']);
  });

  test('one that was written before the last one, or maybe so, is a doubt', () => {
    const unpacked = file('app.log.1', 0, 90);
    expect(sort([unpacked], { last, known: knownOf(old) })).toMatchObject({ ours: [], doubts: ['app.log.1'] });
    const tied = file('app.log.1', 0, 150);
    expect(sort([tied], { last })).toMatchObject({ ours: [], doubts: ['app.log.1'] });
    expect(sort([tied], { last, known: knownOf(old) }).ours).toEqual(['app.log.1']);
  });

  test('one with the number of a known one, and written since, is a doubt', () => {
    const changed = file('app.log.4', 0, 200);
    expect(sort([changed], { last, known: knownOf(old) })).toMatchObject({ ours: [], doubts: ['app.log.4'] });
  });
});

describe('names that the log of another program may have', () => {
  test('are a doubt, unless the file was renamed or the last one is called alike', () => {
    const other = file('app.2.log', 200, 250);
    expect(sort([other])).toMatchObject({ ours: [], doubts: ['app.2.log'] });
    expect(sort([{ ...other, changedNs: 260n }]).ours).toEqual(['app.2.log']);
    expect(sort([other], { last: { ...gone, name: 'app.3.log' } }).ours).toEqual(['app.2.log']);
    expect(sort([other], { last: { ...gone, name: 'app-3.log' } }).ours).toEqual([]);
  });

  test('are certain with a date', () => {
    expect(sort([file('app-20260102.log', 200, 250)]).ours).toEqual(['app-20260102.log']);
  });
});
