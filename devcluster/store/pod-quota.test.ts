import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createSystemClock } from '#common/time/clock.js';
import { settle } from '#test/support/settle.js';
import { openClusterStore, type ClusterStore } from '../host/cluster-store.js';
import type { AnyObject, StoredObject } from './kube-object.js';

let opened: ClusterStore;

const pod = (name: string): StoredObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
  }) as StoredObject;
const create = (name: string): Promise<StoredObject> => opened.store.create('pods', pod(name));
const limit = (hard: Record<string, string>): Promise<AnyObject> =>
  opened.store.create<AnyObject>('resourcequotas', {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'few', namespace: 'default' },
    spec: { hard },
  });
const end = (name: string): Promise<AnyObject> =>
  opened.store.mutate<AnyObject>(
    'pods',
    { ns: 'default', name },
    (stored) => {
      stored['status'] = { phase: 'Succeeded' };
    },
    { subresource: 'status' },
  );
const status = (): unknown => opened.store.get<AnyObject>('resourcequotas', 'default', 'few')?.['status'];

beforeEach(async () => {
  const deps = { clock: createSystemClock(), random: createSystemRandom(), log: createSilentLog() };
  opened = await openClusterStore({ ...deps, definitions: [] });
});

afterEach(() => opened.close());

describe('a quota of pods', () => {
  test('refuses one pod more, in the words of a cluster, until one is over', async () => {
    await limit({ pods: '1' });
    await create('first');
    await expect(create('second')).rejects.toThrow(
      'pods "second" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1',
    );
    await expect(opened.store.create('pods', pod('dry'), { dryRun: true })).rejects.toThrow('exceeded quota');
    await settle();
    expect(status()).toEqual({ hard: { pods: '1' }, used: { pods: '1' } });
    await end('first');
    await create('second');
    await settle();
    expect(status()).toEqual({ hard: { pods: '1' }, used: { pods: '1' } });
  });

  test('counts those that are over, too, where it is one of objects', async () => {
    await create('first');
    await limit({ 'count/pods': '1' });
    await end('first');
    await expect(create('second')).rejects.toThrow('used: count/pods=1');
    await opened.store.delete('pods', 'default', 'first');
    await create('second');
  });

  test('is refused where it would be one of something else', async () => {
    await expect(limit({ 'requests.cpu': '1' })).rejects.toThrow('spec.hard[requests.cpu]');
    await expect(limit({ pods: '1500m' })).rejects.toThrow('must be an integer');
  });
});
