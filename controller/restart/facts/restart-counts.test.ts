import { expect, test } from '@jest/globals';
import type { Pod } from '#kube/objects.js';
import { detachedLabel } from '../api/annotations.js';
import type { PanelRestart } from '../api/panel-restart.js';
import { createClusterStores, type ClusterStores } from './cluster-view.js';
import { countDetached, countStalled } from './restart-counts.js';

const restart = (uid: string, phase: 'Stalled' | 'Failed', reason: string): PanelRestart => ({
  metadata: { namespace: 'n', name: uid, uid },
  spec: { targetRef: { name: 'agent' } },
  status: {
    phase,
    conditions: [{ type: 'Stalled', status: 'True', reason, message: '', lastTransitionTime: '2026-01-01T12:00:00Z' }],
    ...(phase === 'Failed' ? { completionTime: '2026-01-01T12:00:00Z' } : {}),
  },
});
const pod = (name: string, detached?: string): Pod => ({
  metadata: {
    namespace: 'n',
    name,
    uid: name,
    ...(detached === undefined ? {} : { labels: { [detachedLabel]: detached } }),
  },
});

function storesWith(restarts: readonly PanelRestart[], pods: readonly Pod[]): ClusterStores {
  const stores = createClusterStores();
  stores.restarts.replace(restarts);
  stores.pods.replace(pods);
  return stores;
}

const over = restart('over', 'Failed', 'NoRoom');
const stalled = restart('stalled', 'Stalled', 'ReplacementStuck');

test('a pod is left out of its DaemonSet once its restart is over or gone', () => {
  const pods = [pod('in'), pod('a', 'stalled'), pod('b', 'over'), pod('c', 'gone')];
  expect(countDetached(storesWith([over, stalled], pods))).toEqual({ underWay: 1, left: 2 });
});

test('a restart needs a person until it is over', () => {
  const another = restart('another', 'Stalled', 'ReplacementStuck');
  expect([...countStalled(storesWith([over, stalled, another], []))]).toEqual([['ReplacementStuck', 2]]);
});
