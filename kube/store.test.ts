import { describe, expect, test } from '@jest/globals';

import type { Pod } from './objects.js';
import { createStore, type Change } from './store.js';

function pod(name: string, version: number, uid = `uid-${name}`, node = 'a'): Pod {
  return { metadata: { namespace: 'n', name, uid, resourceVersion: String(version) }, spec: { nodeName: node } };
}

describe('store', () => {
  test('finds objects by key and by index, also after they moved', () => {
    const store = createStore<Pod>({ node: (object) => [object.spec?.nodeName ?? ''] });
    store.observe(pod('p', 1));
    store.observe(pod('q', 2));
    store.observe(pod('p', 3, 'uid-p', 'b'));
    expect(store.get('n/p')?.metadata.resourceVersion).toBe('3');
    expect(store.byIndex('node', 'a').map(({ metadata }) => metadata.name)).toEqual(['q']);
    expect(store.byIndex('node', 'b').map(({ metadata }) => metadata.name)).toEqual(['p']);
    expect(store.byIndex('node', 'c')).toEqual([]);
  });

  test('tells what has happened to objects of an index since a look, until that is too much', () => {
    const store = createStore<Pod>({ node: (object) => [object.spec?.nodeName ?? ''] });
    const told = (upTo: number | undefined): readonly string[] | undefined =>
      store
        .newsOf('node', 'a', upTo)
        .changes?.map(({ before, after }) => `${before?.metadata.name ?? '-'}>${after?.metadata.name ?? '-'}`);
    expect(told(undefined)).toBeUndefined();
    store.observe(pod('p', 1));
    expect(told(0)).toBeUndefined();
    const { upTo } = store.newsOf('node', 'a', undefined);
    expect(told(upTo)).toEqual([]);
    store.observe(pod('q', 2));
    store.observe(pod('r', 3, 'uid-r', 'b'));
    store.observe(pod('p', 4));
    const later = store.newsOf('node', 'a', upTo).upTo;
    store.observe(pod('p', 5, 'uid-p', 'b'));
    store.remove(pod('q', 6));
    expect(told(upTo)).toBeUndefined();
    expect(told(later)).toBeUndefined();
    store.observe(pod('p', 7, 'uid-p', 'a'));
    const again = store.newsOf('node', 'a', undefined).upTo;
    store.observe(pod('q', 8, 'another'));
    const between = store.newsOf('node', 'a', again).upTo;
    store.observe(pod('p', 9, 'uid-p', 'b'));
    expect(told(again)).toEqual(['->q', 'p>-']);
    expect(told(between)).toEqual(['p>-']);
    for (let version = 10; version < 600; version++) store.observe(pod('q', version, 'another'));
    expect(told(again)).toBeUndefined();
    expect(told(store.newsOf('node', 'a', undefined).upTo)).toEqual([]);
  });

  test('keeps the newer state when an older one arrives late', () => {
    const store = createStore<Pod>();
    store.observe(pod('p', 10));
    store.observe(pod('p', 9));
    store.replace([pod('p', 8)]);
    expect(store.get('n/p')?.metadata.resourceVersion).toBe('10');
  });

  test('does not bring a deleted object back when an answer to a write arrives late', () => {
    const store = createStore<Pod>();
    store.observe(pod('p', 1));
    store.remove(pod('p', 2));
    store.observe(pod('p', 1));
    expect(store.list()).toEqual([]);
    store.observe(pod('p', 3, 'another-uid'));
    expect(store.list()).toHaveLength(1);
  });

  test('ignores the end of a namesake that is gone already', () => {
    const store = createStore<Pod>();
    store.observe(pod('p', 5, 'new'));
    store.remove(pod('p', 4, 'old'));
    expect(store.get('n/p')?.metadata.uid).toBe('new');
  });

  test('removes what a complete list does not have, and tells every change once', () => {
    const store = createStore<Pod>();
    const changes: Change<Pod>[] = [];
    store.onChange((change) => changes.push(change));
    store.replace([pod('p', 1), pod('q', 2)]);
    store.replace([pod('q', 2), pod('r', 3)]);
    const names = changes.map(({ before, after }) => `${before?.metadata.name ?? '-'}>${after?.metadata.name ?? '-'}`);
    expect(names).toEqual(['->p', '->q', 'p>-', '->r']);
  });
});
