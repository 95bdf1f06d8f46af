import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createControllerMetrics } from '#controller/metrics/controller-metrics.js';
import { createFakeKube } from '#test/support/controller/fake-kube.js';

test('docs/reference/metrics.md describes every metric of the controller, and no other', async () => {
  const text = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith('Controller\n')) ?? '';
  const described = [...section.matchAll(/^\| `(panelet_[a-z_]+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  const metrics = createControllerMetrics();
  metrics.count(createFakeKube(createFakeClock()));
  metrics.watch({
    ...{ queueDepth: () => 0, isLeading: () => true, caExpirySeconds: () => undefined },
    ...{ detachedPods: () => ({ underWay: 0, left: 0 }), stalledRestarts: () => new Map<string, number>() },
  });
  const { body } = await metrics.render();
  const given = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  expect([...described].sort()).toEqual([...given].sort());
});
