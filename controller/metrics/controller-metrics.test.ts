import { beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock } from '#common/time/clock.js';
import { apiErrorOf } from '#kube/api-status.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';

import { pods, type KubeApi } from '#kube/api.js';
import { subjectAccessReviews } from '#kube/review-objects.js';
import { createControllerMetrics, type ControllerMetrics } from './controller-metrics.js';

let metrics: ControllerMetrics;
let kube: FakeKube;
let api: KubeApi;

beforeEach(() => {
  metrics = createControllerMetrics();
  kube = createFakeKube(createFakeClock());
  kube.evict = () => Promise.resolve();
  api = metrics.count(kube);
});

/** The lines of a metric that have a value other than 0. */
async function lines(name: string): Promise<string[]> {
  const { body } = await metrics.render();
  return body.split('\n').filter((line) => line.startsWith(name) && !line.endsWith(' 0'));
}

describe('metrics of a controller', () => {
  test('count requests by how they were answered, and writes that took effect', async () => {
    kube.put(pods, { metadata: { namespace: 'n', name: 'p' } });
    const key = { namespace: 'n', name: 'p' };
    await api.get(pods, key);
    await api.patch(pods, key, {});
    await api.evict(key, { uid: 'u' });
    await api.create(subjectAccessReviews, {
      metadata: { name: '' },
      spec: { nonResourceAttributes: { path: '/metrics', verb: 'get' } },
    });
    expect(await lines('panelet_api_requests_total')).toEqual([
      'panelet_api_requests_total{resource="pods",verb="get",code="200"} 1',
      'panelet_api_requests_total{resource="pods",verb="patch",code="200"} 1',
      'panelet_api_requests_total{resource="pods/eviction",verb="evict",code="200"} 1',
      'panelet_api_requests_total{resource="subjectaccessreviews",verb="create",code="200"} 1',
    ]);
    expect(await lines('panelet_api_writes_total')).toEqual([
      'panelet_api_writes_total{resource="pods",verb="patch"} 1',
      'panelet_api_writes_total{resource="pods/eviction",verb="evict"} 1',
    ]);
  });

  test('count a refusal by its code, and a failure without an answer as none', async () => {
    kube.get = () => Promise.reject(apiErrorOf('get', 404, ''));
    kube.list = () => Promise.reject(new Error('reset'));
    const failing = createControllerMetrics();
    const counted = failing.count(kube);
    await expect(counted.get(pods, { name: 'p' })).rejects.toThrow();
    await expect(counted.list(pods, {})).rejects.toThrow('reset');
    const { body } = await failing.render();
    expect(body).toContain('{resource="pods",verb="get",code="404"} 1');
    expect(body).toContain('{resource="pods",verb="list",code="none"} 1');
  });

  test('tell restarts, pods, sessions, drains and replacements', async () => {
    metrics.restarts.restartDone('succeeded');
    metrics.restarts.podDone('succeeded', { kept: 2, checkpointed: 3, forced: 0 });
    metrics.restarts.drainState('FROZEN', 700);
    metrics.restarts.replacement(1_500);
    metrics.restarts.restartGap(2_500);
    metrics.restarts.warmDone('noRoom', 60_000);
    metrics.reconciled(4);
    expect(await lines('panelet_warm_seconds_sum')).toEqual(['panelet_warm_seconds_sum{outcome="no_room"} 60']);
    expect(await lines('panelet_restarts_total')).toEqual(['panelet_restarts_total{outcome="succeeded"} 1']);
    expect(await lines('panelet_pods_restarted_total')).toEqual([
      'panelet_pods_restarted_total{outcome="succeeded"} 1',
    ]);
    expect(await lines('panelet_sessions_total')).toEqual([
      'panelet_sessions_total{outcome="kept"} 2',
      'panelet_sessions_total{outcome="checkpointed"} 3',
    ]);
    expect(await lines('panelet_drain_seconds_sum')).toEqual(['panelet_drain_seconds_sum{state="FROZEN"} 0.7']);
    expect(await lines('panelet_replacement_seconds_sum')).toEqual(['panelet_replacement_seconds_sum 1.5']);
    expect(await lines('panelet_restart_gap_seconds_sum')).toEqual(['panelet_restart_gap_seconds_sum 2.5']);
    expect(await lines('panelet_reconcile_seconds_sum')).toEqual(['panelet_reconcile_seconds_sum 0.004']);
  });

  test('sum up what is held by all pods, and forget a pod that holds nothing', async () => {
    metrics.restarts.heldOperations('a', new Map([['pty.write', 2]]));
    metrics.restarts.heldOperations(
      'b',
      new Map([
        ['pty.write', 1],
        ['http.get', 1],
      ]),
    );
    expect(await lines('panelet_held_operations')).toEqual([
      'panelet_held_operations{operation="pty.write"} 3',
      'panelet_held_operations{operation="http.get"} 1',
    ]);
    metrics.restarts.heldOperations('b', new Map());
    metrics.restarts.heldOperations('a', new Map([['pty.write', 1]]));
    expect(await lines('panelet_held_operations')).toEqual(['panelet_held_operations{operation="pty.write"} 1']);
  });

  test('look at the gauges when they are read', async () => {
    const now: { expiry?: number } = {};
    metrics.watch({
      queueDepth: () => 3,
      isLeading: () => true,
      detachedPods: () => ({ underWay: 2, left: 1 }),
      stalledRestarts: () => new Map([['CannotSurge', 1]]),
      caExpirySeconds: () => now.expiry,
    });
    expect(await lines('panelet_pods_detached')).toEqual([
      'panelet_pods_detached{restart="under_way"} 2',
      'panelet_pods_detached{restart="over"} 1',
    ]);
    expect(await lines('panelet_restarts_stalled')).toEqual(['panelet_restarts_stalled{reason="CannotSurge"} 1']);
    expect(await lines('panelet_ca_certificate_expiry_seconds')).toEqual(['panelet_ca_certificate_expiry_seconds Nan']);
    now.expiry = 60;
    expect(await lines('panelet_queue_depth')).toEqual(['panelet_queue_depth 3']);
    expect(await lines('panelet_leader')).toEqual(['panelet_leader 1']);
    expect(await lines('panelet_ca_certificate_expiry_seconds')).toEqual(['panelet_ca_certificate_expiry_seconds 60']);
  });
});
