import { beforeEach, expect, test } from '@jest/globals';
import { createChanges } from '#common/changes.js';
import { createSilentLog } from '#common/log.js';
import { createFakeClock } from '#common/time/clock.js';
import { GateStatus, State, Target } from '#proto/gate/v1/gate.js';
import type { NodeWorker } from '../workers/node-worker.js';
import { createCordons, type Cordons } from './cordons.js';
import { watchLiftedCordons } from './lifted-cordons.js';

const cordon = { restartUid: 'r', generation: 1, reason: '', untilMs: 60_000, draining: false };
let statuses: Map<string, GateStatus>;
let cordons: Cordons;
let show: (instance: string, state: State, restartUid?: string) => void;

beforeEach(() => {
  statuses = new Map();
  cordons = createCordons(createFakeClock(), () => undefined);
  const changes = createChanges();
  const workerOf = (instance: string): unknown => ({
    panel: { name: instance, target: 'host', run: 'external' },
    link: { state: () => ({ kind: 'up', about: {}, clients: {}, status: statuses.get(instance) }) },
  });
  const workers = (): readonly NodeWorker[] => [...statuses.keys()].map(workerOf) as NodeWorker[];
  watchLiftedCordons({ nodeWorkers: { changes, workers }, cordons, log: createSilentLog() });
  show = (instance, state, restartUid = '') => {
    statuses.set(instance, GateStatus.fromPartial({ instance, state, restartUid }));
    changes.notify();
  };
});

test('a cordon is forgotten once the workers that had it serve: another agent of the node has uncordoned them', () => {
  show('a', State.CORDONED, 'r');
  show('b', State.NOTIFIED, 'r');
  cordons.set(Target.HOST, cordon);
  cordons.set(Target.AGENT, cordon);
  show('a', State.SERVING);
  expect(cordons.get(Target.HOST)).toBe(cordon);
  show('b', State.SERVING);
  expect(cordons.get(Target.HOST)).toBeUndefined();
  expect(cordons.get(Target.AGENT)).toBe(cordon);
});

test('one that no worker has had yet stays in force, whoever serves', () => {
  show('a', State.SERVING);
  cordons.set(Target.HOST, cordon);
  show('a', State.SERVING);
  show('b', State.SERVING);
  expect(cordons.get(Target.HOST)).toBe(cordon);
});

test('one of another restart is not meant', () => {
  show('a', State.CORDONED, 'before');
  cordons.set(Target.HOST, cordon);
  show('a', State.SERVING);
  expect(cordons.get(Target.HOST)).toBe(cordon);
});
