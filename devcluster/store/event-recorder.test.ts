import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { settle } from '#test/support/settle.js';
import { createEventRecorder, type ClusterEventRecorder } from './event-recorder.js';
import type { StoredObject } from './kube-object.js';
import { createObjectStore } from './memory-object-store.js';
import type { ObjectStore } from './object-store.js';
import { defineKind } from './resource-kind.js';

const clock = createFakeClock();
const about = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'it', uid: 'u' } };
let store: ObjectStore;
let recorder: ClusterEventRecorder;

async function tell(reason: string, messages: readonly string[]): Promise<void> {
  for (const message of messages) {
    recorder.record(about, { type: 'Warning', reason, message });
    await settle();
  }
}

const told = (): (readonly [string, number])[] =>
  store
    .list<StoredObject & { message: string; count: number }>('events')
    .items.map(({ message, count }) => [message, count] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `no ${String(from + index).padStart(2, '0')}`);

beforeEach(async () => {
  const kinds = [
    defineKind({ group: '', version: 'v1', kind: 'Event', plural: 'events' }),
    defineKind({ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }),
  ];
  const deps = { clock, random: createSeededRandom(2), log: createSilentLog() };
  store = createObjectStore({ kinds, ...deps });
  await store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  recorder = createEventRecorder({ ...deps, store, component: 'test' });
});

describe('the recorder of events', () => {
  test('counts what is told again', async () => {
    await tell('Failed', ['one', 'two', 'one']);
    expect(told()).toEqual([
      ['one', 2],
      ['two', 1],
    ]);
  });

  test('combines what has a tenth message for the same reason, until it has been quiet for ten minutes', async () => {
    await tell('Failed', numbered(1, 12));
    await tell('Other', ['other']);
    const first = numbered(1, 9).map((message) => [message, 1] as const);
    expect(told()).toEqual([['(combined from similar events): no 12', 3], ...first, ['other', 1]]);
    clock.advance(600_001);
    await tell('Failed', ['no 13']);
    expect(told()).toContainEqual(['no 13', 1]);
  });
});
