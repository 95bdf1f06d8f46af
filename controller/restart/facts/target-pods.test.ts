import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Pod } from '#kube/objects.js';
import { claimAnnotation, claimOf } from '../api/annotations.js';
import { isPodReady, uidOf } from './pods.js';
import { TargetPods } from './target-pods.js';

const uids = ['a', 'b', 'c', 'd', 'e', 'f'];
const nodes = ['n1', 'n2', 'n3'];
const restarts = ['r1', 'r2'];

const anyPod = (uid: string): fc.Arbitrary<Pod> =>
  fc
    .record({
      node: fc.constantFrom(undefined, ...nodes),
      restart: fc.constantFrom(undefined, ...restarts),
      status: fc.constantFrom('True' as const, 'False' as const),
    })
    .map(({ node, restart, status }) => ({
      metadata: {
        name: uid,
        uid,
        ...(restart === undefined
          ? {}
          : { annotations: { [claimAnnotation]: JSON.stringify({ restart, deadline: '2026-01-01T00:00:00Z' }) } }),
      },
      spec: node === undefined ? {} : { nodeName: node },
      status: { conditions: [{ type: 'Ready', status }] },
    }));

/** Lists one after the other, in which pods come, go, change and swap places. */
const lists = fc.array(
  fc
    .tuple(
      fc.shuffledSubarray(uids),
      fc.record(Object.fromEntries(uids.map((uid) => [uid, anyPod(uid)]))),
      fc.boolean(),
    )
    .map(([order, pods, changes]) => ({ order, pods, changes })),
  { maxLength: 6 },
);

const sorted = (pods: readonly Pod[]): string[] => pods.map(uidOf).sort();

describe('the pods of a target', () => {
  test('are found after any changes as by a look at all of them, and only what has changed is told', () => {
    fc.assert(
      fc.property(lists, (steps) => {
        const kept = new TargetPods();
        let known = new Map<string, Pod>();
        for (const { order, pods, changes } of steps) {
          const now = order.map((uid) => (changes ? pods[uid] : (known.get(uid) ?? pods[uid]))) as Pod[];
          const { before, after } = kept.update(now);
          const gone = [...known.values()].filter((pod) => !now.includes(pod));
          const came = now.filter((pod) => known.get(uidOf(pod)) !== pod);
          expect(before).toEqual(expect.arrayContaining(gone));
          expect(after).toEqual(expect.arrayContaining(came));
          known = new Map(now.map((pod) => [uidOf(pod), pod]));
          expect(kept.all).toBe(now);
          for (const uid of uids) expect(kept.withUid(uid)).toBe(known.get(uid));
          for (const node of nodes)
            expect(sorted(kept.onNode(node))).toEqual(sorted(now.filter((pod) => pod.spec?.nodeName === node)));
          for (const restart of restarts)
            expect(sorted(kept.claimedBy(restart))).toEqual(
              sorted(now.filter((pod) => claimOf(pod)?.restart === restart)),
            );
          expect(sorted(kept.notReady())).toEqual(sorted(now.filter((pod) => !isPodReady(pod))));
        }
      }),
    );
  });

  test('that keep their places are not looked at again', () => {
    const pods = uids.map((uid): Pod => ({ metadata: { name: uid, uid } }));
    const kept = new TargetPods(pods);
    const changed: Pod = { metadata: { name: 'c', uid: 'c' }, spec: { nodeName: 'n1' } };
    const next = [...pods.slice(0, 2), changed, ...pods.slice(4), { metadata: { name: 'g', uid: 'g' } }];
    expect(kept.update(next)).toEqual({ before: [pods[2], pods[3]], after: [changed, next.at(-1)] });
    expect(kept.update([...next])).toEqual({ before: [], after: [] });
  });
});
