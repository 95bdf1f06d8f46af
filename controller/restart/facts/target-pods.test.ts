import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Pod } from '#kube/objects.js';
import { claimAnnotation, claimOf } from '../api/annotations.js';
import type { Change } from '#kube/store.js';
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

const asChanges = (known: ReadonlyMap<string, Pod>, now: readonly Pod[]): Change<Pod>[] => {
  const uid = (pod: Pod): string => uidOf(pod);
  const gone = [...known.values()].filter((pod) => !now.some((other) => uid(other) === uid(pod)));
  const changed = now.filter((pod) => known.get(uid(pod)) !== pod);
  return [
    ...gone.map((before) => ({ before, after: undefined })),
    // Each by way of a state that nobody sees.
    ...changed.flatMap((pod) => {
      const between: Pod = { ...pod, spec: { nodeName: 'n1' } };
      return [
        { before: known.get(uid(pod)), after: between },
        { before: between, after: pod },
      ];
    }),
  ];
};

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
      fc.property(lists, fc.boolean(), (steps, isByChanges) => {
        const kept = new TargetPods();
        let known = new Map<string, Pod>();
        for (const { order, pods, changes } of steps) {
          const now = order.map((uid) => (changes ? pods[uid] : (known.get(uid) ?? pods[uid]))) as Pod[];
          const { before, after } = isByChanges ? kept.apply(asChanges(known, now)) : kept.update(now);
          const gone = [...known.values()].filter((pod) => !now.includes(pod));
          const came = now.filter((pod) => known.get(uidOf(pod)) !== pod);
          expect(before).toEqual(expect.arrayContaining(gone));
          expect(after).toEqual(expect.arrayContaining(came));
          known = new Map(now.map((pod) => [uidOf(pod), pod]));
          expect(sorted(kept.all)).toEqual(sorted(now));
          for (const pod of now) expect(kept.claimOn(pod)).toEqual(claimOf(pod));
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
