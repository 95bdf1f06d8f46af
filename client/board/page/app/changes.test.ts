import { expect, test } from '@jest/globals';
import type { BoardRestart } from '../../wire/live.js';
import { sampleRestart } from '#test/board/samples.js';
import { emptyFleet, fleetAfter, type Fleet } from '../fleet/fleet.js';
import { changesOf } from './changes.js';

const cluster = { context: 'dev', namespace: 'panelet', version: '0.1.0' };
const start = fleetAfter(emptyFleet, [{ kind: 'cluster', cluster }], 0);
const having = (fleet: Fleet, ...changed: BoardRestart[]) =>
  fleetAfter(fleet, [{ kind: 'restarts', changed, gone: [] }], 0);

test('what is there at first is no change, what comes later is', () => {
  expect(changesOf(emptyFleet, having(start, sampleRestart('a')))).toEqual([]);
  expect(changesOf(start, having(start, sampleRestart('a')))).toEqual(['Restart a: Running']);
});

test('a phase, a pause and a trouble are told, and nothing twice', () => {
  const before = having(start, sampleRestart('a'), sampleRestart('b'), sampleRestart('c'));
  const after = having(before, sampleRestart('a', { phase: 'Succeeded' }), sampleRestart('b', { paused: true }));
  const troubled = fleetAfter(after, [{ kind: 'trouble', of: 'events', text: 'no events' }], 0);
  expect(changesOf(before, troubled)).toEqual(['Restart a: Succeeded', 'Restart b: paused', 'no events']);
  expect(changesOf(troubled, troubled)).toEqual([]);
});
