import { expect, test } from '@jest/globals';
import type { DaemonSet, Pod } from '#kube/objects.js';
import { claimAnnotation } from './api/annotations.js';
import type { PanelRestart } from './api/panel-restart.js';
import { createClusterStores, createClusterView } from './facts/cluster-view.js';
import { KeptPods } from './kept-pods.js';

const target: DaemonSet = { metadata: { namespace: 'n', name: 'agent', uid: 'ds' } };
const restart: PanelRestart = {
  metadata: { namespace: 'n', name: 'r', uid: 'restart', creationTimestamp: '2026-01-01T12:00:00Z' },
  spec: { targetRef: { name: 'agent' } },
};
const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'ds', controller: true }];
const pod = (name: string): Pod => ({
  metadata: { namespace: 'n', name, uid: name, ownerReferences, creationTimestamp: '2026-01-01T11:00:00Z' },
});

test('pods of others that a restart has are among them for as long as it has them', () => {
  const stores = createClusterStores();
  stores.restarts.observe(restart);
  const claims = {
    annotations: { [claimAnnotation]: JSON.stringify({ restart: 'restart', deadline: '2026-01-01T12:00:00Z' }) },
  };
  const orphan = (version: number, rest: object): Pod => ({
    metadata: { namespace: 'n', name: 'b', uid: 'b', resourceVersion: String(version), ...rest },
  });
  stores.pods.observe(pod('a'));
  const kept = new KeptPods(createClusterView(stores));
  const names = (): string[] => kept.podsOf('n/agent', target).all.map(({ metadata }) => metadata.name);
  expect(names()).toEqual(['a']);
  const held = (): string[] =>
    kept
      .podsOf('n/agent', target)
      .claimedBy('restart')
      .map(({ metadata }) => metadata.name);
  stores.pods.observe(orphan(1, claims));
  expect(names()).toEqual(['a', 'b']);
  stores.pods.observe(orphan(2, { ...claims, labels: { changed: 'yes' } }));
  expect(kept.podsOf('n/agent', target).withUid('b')?.metadata.labels).toEqual({ changed: 'yes' });
  stores.pods.observe(orphan(3, { ...claims, ownerReferences }));
  expect(names()).toEqual(['a', 'b']);
  expect(held()).toEqual(['b']);
  stores.pods.observe(orphan(4, claims));
  stores.pods.observe(orphan(5, {}));
  expect(names()).toEqual(['a']);
  expect(held()).toEqual([]);
});

test('pods are kept from look to look, and what is outstanding with them, until they are forgotten', () => {
  const stores = createClusterStores();
  stores.restarts.observe(restart);
  for (const name of ['a', 'b']) stores.pods.observe(pod(name));
  const kept = new KeptPods(createClusterView(stores));
  const names = (): string[] => kept.outstandingOf(target, restart).map(({ metadata }) => metadata.name);
  const pods = kept.podsOf('n/agent', target);
  expect(names()).toEqual(['a', 'b']);
  stores.pods.remove(pod('a'));
  stores.pods.observe(pod('c'));
  expect(names()).toEqual(['b', 'c']);
  expect(kept.podsOf('n/agent', target)).toBe(pods);
  expect(kept.podsOf('n/host', target)).not.toBe(pods);
  kept.forget('n/agent');
  expect(kept.podsOf('n/agent', target)).not.toBe(pods);
  expect(names()).toEqual(['b', 'c']);
});
