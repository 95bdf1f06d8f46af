import { describe, expect, test } from '@jest/globals';

import { createFakeClock } from '#common/time/clock.js';
import { pods } from '#kube/api.js';
import { createFakeKube } from '#test/support/controller/fake-kube.js';
import type { PanelRestart } from './api/panel-restart.js';
import { TargetPods } from './facts/target-pods.js';
import { MissingPods } from './missing-pods.js';

const restart: PanelRestart = {
  metadata: { namespace: 'n', name: 'r', uid: 'r' },
  spec: { targetRef: { name: 'd' } },
  status: { active: [{ pod: 'p', uid: 'old', step: 'Warm' }] },
};

function setUp(uid: string | undefined): { missing: MissingPods; asked: () => number } {
  const kube = createFakeKube(createFakeClock());
  if (uid !== undefined) kube.put(pods, { metadata: { namespace: 'n', name: 'p', uid } });
  let count = 0;
  const get: typeof kube.get = (resource, key) => {
    count++;
    return kube.get(resource, key);
  };
  return { missing: new MissingPods({ get }), asked: () => count };
}

describe('a pod under way that is not among those that are known', () => {
  test.each<[string, string | undefined, string[]]>([
    ['is there all the same, when the server has it', 'old', ['old']],
    ['is gone when the server does not', undefined, []],
    ['is gone when another one has its name', 'new', []],
  ])('%s', async (_what, uid, found) => {
    const { missing } = setUp(uid);
    expect((await missing.find(restart, new TargetPods())).map(({ metadata }) => metadata.uid)).toEqual(found);
  });

  test('is asked for once, when it is gone', async () => {
    const { missing, asked } = setUp(undefined);
    for (let look = 0; look < 3; look++) await missing.find(restart, new TargetPods());
    expect(asked()).toBe(1);
  });

  test('is not asked for while it is known', async () => {
    const { missing, asked } = setUp('old');
    const known = new TargetPods([{ metadata: { name: 'p', uid: 'old' } }]);
    expect(await missing.find(restart, known)).toEqual([]);
    expect(asked()).toBe(0);
  });
});
