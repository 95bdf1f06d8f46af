import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { settle } from '#test/support/settle.js';
import { startGarbageCollector } from './garbage-collector.js';
import type { AnyObject } from './kube-object.js';
import { createObjectStore } from './memory-object-store.js';
import type { ObjectStore } from './object-store.js';
import { defineKind } from './resource-kind.js';

const kinds = [
  defineKind({ group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }),
  defineKind({ group: '', version: 'v1', kind: 'Thing', plural: 'things', namespaced: false }),
];

let store: ObjectStore;
let stop: () => void;

const create = (
  resource: string,
  name: string,
  owners: readonly AnyObject[] = [],
  blockOwnerDeletion = true,
): Promise<AnyObject> =>
  store.create<AnyObject>(resource, {
    apiVersion: 'v1',
    kind: resource === 'nodes' ? 'Node' : 'Thing',
    metadata: {
      name,
      ownerReferences: owners.map(({ apiVersion, kind, metadata }) => ({
        apiVersion,
        kind,
        name: metadata.name,
        uid: metadata.uid ?? '',
        blockOwnerDeletion,
      })),
    },
  });

const ownersOf = (name: string): string[] =>
  (store.get('things', undefined, name)?.metadata.ownerReferences ?? []).map((owner) => owner.name);

const left = (): string[] => store.list('things').items.map((object) => object.metadata.name);

beforeEach(() => {
  store = createObjectStore({ kinds, clock: createFakeClock(), random: createSeededRandom(3) });
  stop = startGarbageCollector({ store, resources: ['nodes', 'things'], log: createSilentLog() });
});

afterEach(() => stop());

describe('the garbage collector', () => {
  test('deletes what an object owned, and what that owned', async () => {
    const owner = await create('nodes', 'owner');
    const child = await create('things', 'child', [owner]);
    await create('things', 'grandchild', [child]);
    await create('things', 'stranger');
    await store.delete('nodes', undefined, 'owner');
    await settle();
    expect(left()).toEqual(['stranger']);
  });

  test('keeps what has another owner left', async () => {
    const [first, second] = [await create('nodes', 'first'), await create('nodes', 'second')];
    await create('things', 'shared', [first, second]);
    await store.delete('nodes', undefined, 'first');
    await settle();
    expect(left()).toEqual(['shared']);
    expect(ownersOf('shared')).toEqual(['second']);
    await store.delete('nodes', undefined, 'second');
    await settle();
    expect(left()).toEqual([]);
  });

  test('deletes what comes after its owner has gone', async () => {
    const owner = await create('nodes', 'owner');
    await store.delete('nodes', undefined, 'owner');
    await settle();
    await create('things', 'late', [owner]);
    await settle();
    expect(left()).toEqual([]);
  });

  test('deletes the owned before the owner when asked for foreground', async () => {
    const owner = await create('nodes', 'owner');
    const child = await create('things', 'child', [owner]);
    await store.mutate<AnyObject>('things', { name: child.metadata.name }, (object) => {
      object.metadata.finalizers = ['panelet.dev/hold'];
    });
    await store.delete('nodes', undefined, 'owner', { propagationPolicy: 'Foreground' });
    await settle();
    expect(store.get('nodes', undefined, 'owner')?.metadata.finalizers).toEqual(['foregroundDeletion']);
    await store.mutate<AnyObject>('things', { name: 'child' }, (object) => {
      object.metadata.finalizers = [];
    });
    await settle();
    expect(store.get('nodes', undefined, 'owner')).toBeUndefined();
    expect(left()).toEqual([]);
  });

  test('keeps what has another owner left, also from one that is deleted in the foreground', async () => {
    const [first, second] = [await create('nodes', 'first'), await create('nodes', 'second')];
    await create('things', 'own', [first]);
    await create('things', 'shared', [first, second]);
    await store.delete('nodes', undefined, 'first', { propagationPolicy: 'Foreground' });
    await settle();
    expect(store.get('nodes', undefined, 'first')).toBeUndefined();
    expect(left()).toEqual(['shared']);
    expect(ownersOf('shared')).toEqual(['second']);
  });

  test('lets an owner go, in the foreground, before what does not block its deletion', async () => {
    const owner = await create('nodes', 'owner');
    await create('things', 'child', [owner], false);
    await store.mutate<AnyObject>('things', { name: 'child' }, (object) => {
      object.metadata.finalizers = ['panelet.dev/hold'];
    });
    await store.delete('nodes', undefined, 'owner', { propagationPolicy: 'Foreground' });
    await settle();
    expect(store.get('nodes', undefined, 'owner')).toBeUndefined();
    expect(store.get('things', undefined, 'child')?.metadata.deletionTimestamp).toBeDefined();
  });

  test('lets an owner go, in the foreground, once what held it belongs to somebody else', async () => {
    const [first, second] = [await create('nodes', 'first'), await create('nodes', 'second')];
    await create('things', 'child', [first]);
    await store.mutate<AnyObject>('things', { name: 'child' }, (object) => {
      object.metadata.finalizers = ['panelet.dev/hold'];
    });
    await store.delete('nodes', undefined, 'first', { propagationPolicy: 'Foreground' });
    await settle();
    expect(store.get('nodes', undefined, 'first')).toBeDefined();
    await store.mutate<AnyObject>('things', { name: 'child' }, (object) => {
      object.metadata.ownerReferences = (object.metadata.ownerReferences ?? []).map((owner) => ({
        ...owner,
        name: 'second',
        uid: second.metadata.uid ?? '',
      }));
    });
    await settle();
    expect(store.get('nodes', undefined, 'first')).toBeUndefined();
  });

  test('lets the owned live without an owner when asked for orphans', async () => {
    const owner = await create('nodes', 'owner');
    await create('things', 'child', [owner]);
    await store.delete('nodes', undefined, 'owner', { propagationPolicy: 'Orphan' });
    await settle();
    expect(store.get('nodes', undefined, 'owner')).toBeUndefined();
    expect(store.get('things', undefined, 'child')?.metadata.ownerReferences).toBeUndefined();
  });
});
