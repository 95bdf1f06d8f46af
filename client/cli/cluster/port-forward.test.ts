import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { PaneletError } from '#common/errors/errors.js';
import type { AgentPod } from './agent-pods.js';
import type { Kubectl } from './kubectl.js';
import { openPortForward } from './port-forward.js';

const pod = { name: 'agent-1', node: 'node-b', port: 7443, ready: false } as AgentPod;

/** kubectl in a cluster whose kubelet takes no forward; `node` is what it says of the node. */
function silentCluster(node: () => Promise<string>): Kubectl {
  const ended = createLatch();
  ended.promise.catch(() => undefined);
  return {
    run: node,
    lines: () => {
      throw new Error('not used');
    },
    start: () => ({
      lines: {
        [Symbol.asyncIterator]: () => ({
          next: () => ended.promise.then(() => ({ done: true as const, value: undefined })),
        }),
      },
      ended: ended.promise,
      stop: () => {
        ended.reject(new PaneletError('API_UNAVAILABLE', 'kubectl: unable to upgrade connection'));
        return Promise.resolve();
      },
    }),
  };
}

describe('a port-forward to a node that has lost its power', () => {
  test.each([
    ['Unknown', 'The node node-b is not ready, and nothing there answers. See: kubectl describe node node-b'],
    ['True', 'The node node-b does not answer: the way to its pod agent-1 did not open within 3 s.'],
  ])('names the node, which is %s, and not the port-forward', async (status, words) => {
    const clock = createFakeClock();
    const opening = openPortForward(
      { kubectl: silentCluster(() => Promise.resolve(status)), clock, namespace: 'n' },
      pod,
    );
    clock.advance(3_000);
    await expect(opening).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE', message: expect.stringContaining(words) });
    await expect(opening).rejects.not.toMatchObject({ message: expect.stringContaining('port-forward') });
  });

  test('is no riddle to whoever may not read nodes', async () => {
    const clock = createFakeClock();
    const kubectl = silentCluster(() => Promise.reject(new PaneletError('IDENTITY_REFUSED', 'no')));
    const opening = openPortForward({ kubectl, clock, namespace: 'n' }, pod);
    clock.advance(3_000);
    await expect(opening).rejects.toMatchObject({
      message: expect.stringContaining('The node node-b does not answer'),
    });
  });
});
