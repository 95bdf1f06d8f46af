import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFakeClock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import { turn } from '#test/support/settle.js';
import { podGraceSeconds } from './deletion.js';
import { openJournal } from './journal.js';
import type { AnyObject, StoredObject } from './kube-object.js';
import { createObjectStore } from './memory-object-store.js';
import type { ObjectStore, StoreEvent } from './object-store.js';
import { defineKind } from './resource-kind.js';
import { isStatusError } from './status-error.js';

interface Thing extends StoredObject {
  spec?: { nodeName?: string; size?: number };
  status?: { phase?: string };
}

const kinds = [
  defineKind({ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }),
  defineKind({
    group: '',
    version: 'v1',
    kind: 'Pod',
    plural: 'pods',
    hasStatus: true,
    hasGeneration: true,
    graceSeconds: podGraceSeconds,
  }),
];

const pod = (name: string, labels: Record<string, string> = {}, spec: Thing['spec'] = {}): Thing => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns', labels },
  spec,
});

const openStore = async (directory?: string, historySize = 10_000): Promise<ObjectStore> => {
  const disk = directory === undefined ? {} : { disk: openJournal(directory) };
  const deps = { kinds, clock: createFakeClock(), random: createSeededRandom(1), historySize };
  const store = createObjectStore({ ...deps, ...disk });
  if (store.get('namespaces', undefined, 'ns') === undefined) {
    await store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  }
  return store;
};

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (!isStatusError(error)) throw error;
    return error.status.reason;
  }
};

describe('writing', () => {
  test('gives a new object a uid, a version, a generation and a time, and drops the status it came with', async () => {
    const store = await openStore();
    const made = await store.create<Thing>('pods', { ...pod('a'), status: { phase: 'Running' } });
    expect(made.metadata).toMatchObject({
      generation: 1,
      resourceVersion: '2',
      creationTimestamp: '1970-01-01T00:00:00Z',
    });
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.status).toBeUndefined();
  });

  test('refuses a name twice, a namespace that is not there and a version of the past', async () => {
    const store = await openStore();
    const made = await store.create<Thing>('pods', pod('a'));
    expect(await reasonOf(store.create('pods', pod('a')))).toBe('AlreadyExists');
    const elsewhere = { ...pod('a'), metadata: { name: 'a', namespace: 'nowhere' } };
    expect(await reasonOf(store.create('pods', elsewhere))).toBe('NotFound');
    await store.update('pods', { ...made, spec: { size: 2 } });
    expect(await reasonOf(store.update('pods', { ...made, spec: { size: 3 } }))).toBe('Conflict');
  });

  test('counts a change of the spec as a generation, and of the rest not', async () => {
    const store = await openStore();
    await store.create<Thing>('pods', pod('a'));
    const key = { ns: 'ns', name: 'a' };
    const labelled = await store.mutate<Thing>('pods', key, (object) => {
      object.metadata.labels = { x: 'y' };
    });
    expect(labelled.metadata.generation).toBe(1);
    const setPhase = (object: Thing): void => {
      object.status = { phase: 'Running' };
      object.spec = { size: 9 };
    };
    const told = await store.mutate<Thing>('pods', key, setPhase, { subresource: 'status' });
    expect(told).toMatchObject({ metadata: { generation: 1 }, spec: {}, status: { phase: 'Running' } });
    const grown = await store.mutate<Thing>('pods', key, setPhase);
    expect(grown).toMatchObject({ metadata: { generation: 2 }, spec: { size: 9 } });
  });

  test('writes nothing when nothing changed', async () => {
    const store = await openStore();
    await store.create<Thing>('pods', pod('a'));
    const before = store.resourceVersion;
    await store.mutate('pods', { ns: 'ns', name: 'a' }, () => undefined);
    expect(store.resourceVersion).toBe(before);
  });

  test('loses no change of many that are made at once', async () => {
    const store = await openStore();
    await store.create<Thing>('pods', pod('a', {}, { size: 0 }));
    const grow = (object: Thing): void => {
      object.spec = { size: (object.spec?.size ?? 0) + 1 };
    };
    await Promise.all(Array.from({ length: 20 }, () => store.mutate<Thing>('pods', { ns: 'ns', name: 'a' }, grow)));
    expect(store.get<Thing>('pods', 'ns', 'a')?.spec?.size).toBe(20);
  });

  test('hands out objects that cannot be changed by accident', async () => {
    const store = await openStore();
    const made = await store.create<Thing>('pods', pod('a'));
    expect(() => {
      made.metadata.name = 'b';
    }).toThrow(TypeError);
  });
});

describe('deleting', () => {
  test('marks a pod on a node and removes it at grace 0 with its uid', async () => {
    const store = await openStore();
    const { metadata } = await store.create<Thing>('pods', pod('a', {}, { nodeName: 'n' }));
    expect(await store.delete<Thing>('pods', 'ns', 'a')).toMatchObject({
      gone: false,
      object: { metadata: { deletionTimestamp: '1970-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 } },
    });
    expect(
      (await store.delete<Thing>('pods', 'ns', 'a', { gracePeriodSeconds: 60 })).object.metadata
        .deletionGracePeriodSeconds,
    ).toBe(30);
    expect(
      (await store.delete<Thing>('pods', 'ns', 'a', { gracePeriodSeconds: 5 })).object.metadata
        .deletionGracePeriodSeconds,
    ).toBe(5);
    expect(await reasonOf(store.delete('pods', 'ns', 'a', { gracePeriodSeconds: 0, uid: 'other' }))).toBe('Conflict');
    const { uid = '' } = metadata;
    expect(await store.delete('pods', 'ns', 'a', { gracePeriodSeconds: 0, uid })).toMatchObject({ gone: true });
    expect(store.get('pods', 'ns', 'a')).toBeUndefined();
  });

  test('removes a pod without a node at once', async () => {
    const store = await openStore();
    await store.create('pods', pod('a'));
    expect(await store.delete('pods', 'ns', 'a')).toMatchObject({ gone: true });
  });

  test('waits for the last finalizer', async () => {
    const store = await openStore();
    const held = pod('a');
    held.metadata.finalizers = ['panelet.dev/x'];
    await store.create('pods', held);
    expect(await store.delete('pods', 'ns', 'a')).toMatchObject({ gone: false });
    await store.mutate<Thing>('pods', { ns: 'ns', name: 'a' }, (object) => {
      object.metadata.finalizers = [];
    });
    expect(store.get('pods', 'ns', 'a')).toBeUndefined();
  });

  test('keeps a pod with a finalizer whose grace is over until the finalizer goes', async () => {
    const store = await openStore();
    const held = pod('a', {}, { nodeName: 'n' });
    held.metadata.finalizers = ['panelet.dev/x'];
    await store.create('pods', held);
    await store.delete('pods', 'ns', 'a');
    expect(await store.delete('pods', 'ns', 'a', { gracePeriodSeconds: 0 })).toMatchObject({ gone: false });
    await store.mutate<Thing>('pods', { ns: 'ns', name: 'a' }, (object) => {
      object.metadata.finalizers = [];
    });
    expect(store.get('pods', 'ns', 'a')).toBeUndefined();
  });
});

type Step =
  | { readonly do: 'put'; readonly name: string; readonly label: string; readonly size: number }
  | { readonly do: 'delete'; readonly name: string };

const names = fc.constantFrom('a', 'b', 'c', 'd');
const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        name: names,
        label: fc.constantFrom('x', 'y'),
        size: fc.nat(3),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), name: names }) },
  ),
  { maxLength: 40 },
);

const perform = async (store: ObjectStore, step: Step): Promise<void> => {
  const isThere = store.get('pods', 'ns', step.name) !== undefined;
  if (step.do === 'delete') {
    if (isThere) await store.delete('pods', 'ns', step.name);
    return;
  }
  const wanted = pod(step.name, { l: step.label }, { size: step.size });
  await (isThere ? store.update('pods', wanted) : store.create('pods', wanted));
};

const stateOf = (store: ObjectStore, labelSelector: string): Map<string, AnyObject> =>
  new Map(store.list<AnyObject>('pods', { labelSelector }).items.map((object) => [object.metadata.name, object]));

const replay = (state: Map<string, AnyObject>, events: readonly StoreEvent<AnyObject>[]): Map<string, AnyObject> => {
  const result = new Map(state);
  for (const { type, object } of events) {
    const { name } = object.metadata;
    expect(result.has(name)).toBe(type !== 'ADDED');
    if (type === 'DELETED') result.delete(name);
    else result.set(name, object);
  }
  return result;
};

describe('watching', () => {
  test.each(['', 'l=x', 'l notin (x)'])(
    'from any version replays to the same state, seen through %j',
    async (labelSelector) => {
      await fc.assert(
        fc.asyncProperty(steps, async (plan) => {
          const store = await openStore();
          const moments = [{ version: store.resourceVersion, state: stateOf(store, labelSelector) }];
          for (const step of plan) {
            await perform(store, step);
            moments.push({ version: store.resourceVersion, state: stateOf(store, labelSelector) });
          }
          for (const { version, state } of moments) {
            const events: StoreEvent<AnyObject>[] = [];
            const stop = store.watch<AnyObject>('pods', { fromResourceVersion: version, labelSelector }, (event) =>
              events.push(event),
            );
            await turn();
            stop();
            expect(replay(state, events)).toEqual(stateOf(store, labelSelector));
          }
        }),
        { numRuns: 60 },
      );
    },
  );

  test('tells nothing before the watch has returned and nothing after it was stopped', async () => {
    const store = await openStore();
    const seen: string[] = [];
    const stop = store.watch('pods', { fromResourceVersion: '0' }, ({ object }) => seen.push(object.metadata.name));
    await store.create('pods', pod('a'));
    await turn();
    expect(seen).toEqual(['a']);
    const making = store.create('pods', pod('b'));
    stop();
    await making;
    await turn();
    expect(seen).toEqual(['a']);
  });

  test('from a version that is no longer kept is refused', async () => {
    const store = await openStore(undefined, 3);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await store.create('pods', pod(name));
    expect(() => store.watch('pods', { fromResourceVersion: '1' }, () => undefined)).toThrow(
      /too old resource version: 1/,
    );
  });
});

describe('on disk', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'panelet-store-'));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('keeps state, version and history, wherever it is opened anew', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(40), async (plan, restartAt) => {
        rmSync(directory, { recursive: true, force: true });
        let store = await openStore(directory);
        for (const [index, step] of plan.entries()) {
          await perform(store, step);
          if (index !== restartAt) continue;
          const before = { state: stateOf(store, ''), version: store.resourceVersion };
          await store.close();
          store = await openStore(directory);
          expect({ state: stateOf(store, ''), version: store.resourceVersion }).toEqual(before);
        }
        await store.close();
      }),
      { numRuns: 25 },
    );
  });

  test('comes up with a prefix of the writes after a crash at any byte', async () => {
    const store = await openStore(directory);
    const states = new Map([[store.resourceVersion, stateOf(store, '')]]);
    for (const name of ['a', 'b', 'a', 'c']) {
      await perform(store, { do: 'put', name, label: 'x', size: states.size });
      states.set(store.resourceVersion, stateOf(store, ''));
    }
    await store.close();
    const log = readFileSync(join(directory, 'log.jsonl'));
    for (let sizeBytes = log.length; sizeBytes > log.indexOf('\n'); sizeBytes -= 7) {
      truncateSync(join(directory, 'log.jsonl'), sizeBytes);
      const copy = mkdtempSync(join(tmpdir(), 'panelet-store-'));
      for (const file of ['snapshot.jsonl', 'log.jsonl']) {
        copyFileSync(join(directory, file), join(copy, file));
      }
      const opened = await openStore(copy);
      expect(stateOf(opened, '')).toEqual(states.get(opened.resourceVersion));
      await opened.close();
      rmSync(copy, { recursive: true });
    }
  });

  test('folds a log that has grown into the snapshot', async () => {
    const deps = { kinds, clock: createFakeClock(), random: createSeededRandom(1) };
    const disk = openJournal(directory);
    const store = createObjectStore({ ...deps, disk, compactBytes: 2000 });
    await store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    for (let size = 0; size < 100; size++) await perform(store, { do: 'put', name: 'a', label: 'x', size });
    expect(disk.journal.sizeBytes).toBeLessThan(3000);
    const last = stateOf(store, '');
    await store.close();
    const opened = await openStore(directory);
    expect(stateOf(opened, '')).toEqual(last);
    await opened.close();
  });
});
