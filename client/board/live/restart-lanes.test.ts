import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RestartObject } from '../../cli/fleet/restart-object.js';
import type { BoardRestart } from '../wire/live.js';
import { restartView } from './restart-view.js';

type Status = NonNullable<RestartObject['status']>;

const at = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

/** What the board shows after these statuses, one each second. */
function seen(...statuses: readonly Status[]): BoardRestart {
  let view: BoardRestart | undefined;
  statuses.forEach((status, second) => {
    const restart = { metadata: { name: 'r', namespace: 'n', uid: 'u' }, status };
    view = restartView(restart, view, at(second));
  });
  if (view === undefined) throw new Error('No status.');
  return view;
}

const pod = (step: string, more: object = {}): NonNullable<Status['active']>[number] => ({
  pod: 'a-1',
  uid: 'p1',
  node: 'n1',
  step,
  ...more,
});

describe('the lane of a pod', () => {
  test('has when it came to each stage, and ends as Succeeded once the status counts it', () => {
    const restart = seen(
      { phase: 'Running', active: [pod('Cordoned', { since: at(100) })] },
      { phase: 'Running', active: [pod('Draining', { since: at(101), sessions: 3, deadline: at(200) })] },
      { phase: 'Running', active: [pod('Drained', { since: at(105) })] },
      { phase: 'Running', active: [pod('Killed', { since: at(106) })] },
      { phase: 'Running', active: [pod('Replaced', { since: at(107) })] },
      { phase: 'Succeeded', pods: { succeeded: 1 } },
    );
    expect(restart.lanes).toMatchObject([{ uid: 'p1', stage: 'Succeeded', sessions: null, deadline: '' }]);
    expect(restart.lanes[0]?.times).toEqual({
      Claimed: at(100),
      Draining: at(101),
      Gone: at(106),
      Succeeded: at(5),
    });
  });

  test('goes from left to right where its replacement is beside it: the cordon is the first of its drain', () => {
    const restart = seen(
      { active: [pod('Warm', { since: at(1) })] },
      { active: [pod('Cordoned', { since: at(2) })] },
      { active: [pod('Draining', { since: at(3) })] },
    );
    expect(restart.lanes[0]).toMatchObject({ stage: 'Draining', times: { Warm: at(1), Draining: at(2) } });
    expect(seen({ active: [pod('Cordoned', { surge: 'beside' })] }).lanes[0]).toMatchObject({ stage: 'Draining' });
  });

  test('ends as Succeeded although no step behind the drain was seen', () => {
    const restart = seen({ active: [pod('Draining')] }, { phase: 'Running', pods: { succeeded: 1 } });
    expect(restart.lanes).toMatchObject([{ stage: 'Succeeded' }]);
  });

  test('is no lane any more once the pod was given back', () => {
    expect(seen({ active: [pod('Warm')] }, { phase: 'Aborted', pods: { succeeded: 0 } }).lanes).toEqual([]);
  });

  test('is not that of a pod which came through before it', () => {
    const other = { pod: 'a-2', uid: 'p2', step: 'Draining' };
    const restart = seen(
      { active: [pod('Killed')] },
      { active: [other], pods: { succeeded: 1 } },
      { phase: 'Aborted', pods: { succeeded: 1 } },
    );
    expect(restart.lanes.map(({ uid }) => uid)).toEqual(['p1']);
  });

  test('of two that left, the furthest is the one that is counted', () => {
    const other = { pod: 'a-2', uid: 'p2', step: 'Killed' };
    const restart = seen({ active: [pod('Cordoned'), other] }, { phase: 'Failed', pods: { succeeded: 1 } });
    expect(restart.lanes).toMatchObject([{ uid: 'p2', stage: 'Succeeded' }]);
  });

  test('says why it failed, and goes on if it is tried again', () => {
    const failure = { pod: 'a-1', uid: 'p1', reason: 'NotReady', message: 'It is not ready.', time: at(9) };
    const failed = seen({ active: [pod('Killed')] }, { phase: 'Running', failures: [failure] });
    expect(failed.lanes).toMatchObject([{ stage: 'Failed', step: 'NotReady', text: 'It is not ready.', node: 'n1' }]);
    expect(failed.lanes[0]?.times.Failed).toBe(at(9));
    expect(seen({ failures: [failure] }, { active: [pod('Warm')] }).lanes).toMatchObject([{ stage: 'Warm' }]);
  });

  test('stays where it is for a step of a later release', () => {
    expect(seen({ active: [pod('Draining')] }, { active: [pod('Polishing')] }).lanes).toMatchObject([
      { stage: 'Draining', step: 'Polishing' },
    ]);
  });
});

test('says what matters most first, and the result once it is over', () => {
  const conditions = [
    { type: 'Succeeded', status: 'Unknown', message: 'Not yet.' },
    { type: 'Reconciling', status: 'True', message: 'It goes on.' },
    { type: 'Stalled', status: 'True', message: 'It is stuck.' },
    { type: 'Paused', status: 'False', message: 'Not paused.' },
  ];
  expect(seen({ conditions }).sentences).toEqual(['It is stuck.', 'It goes on.']);
  const over = [{ type: 'Succeeded', status: 'False', message: 'Two pods failed.' }];
  expect(seen({ conditions: over, completionTime: at(1) }).sentences).toEqual(['Two pods failed.']);
});

test('whatever the statuses: a lane each, of every pod under way or failed, and times that stay', () => {
  const step = fc.constantFrom(
    'Warm',
    'Returning',
    'Retiring',
    'Cordoned',
    'Draining',
    'Drained',
    'Killed',
    'Replaced',
    '?',
  );
  const uid = fc.constantFrom('p1', 'p2', 'p3', 'p4');
  const status = fc.record({
    phase: fc.constantFrom('Running', 'Succeeded', 'Aborted', 'Failed'),
    pods: fc.record({ succeeded: fc.nat(4) }),
    active: fc.uniqueArray(fc.record({ pod: uid, uid, step }), { selector: (one) => one.uid }),
    failures: fc.uniqueArray(fc.record({ pod: uid, uid, reason: fc.constant('x') }), { selector: (one) => one.uid }),
  });
  fc.assert(
    fc.property(fc.array(status, { minLength: 1, maxLength: 12 }), (statuses) => {
      let before: BoardRestart | undefined;
      statuses.forEach((now, second) => {
        const view = restartView(
          { metadata: { name: 'r', namespace: 'n', uid: 'u' }, status: now },
          before,
          at(second),
        );
        const uids = view.lanes.map((lane) => lane.uid);
        expect(new Set(uids).size).toBe(uids.length);
        const failed: readonly string[] = now.failures.map((one) => one.uid);
        const active: readonly string[] = now.active.map((one) => one.uid).filter((one) => !failed.includes(one));
        expect(view.lanes.filter(({ stage }) => stage === 'Failed').map((lane) => lane.uid)).toEqual(failed);
        expect(uids).toEqual(expect.arrayContaining([...active]));
        for (const lane of view.lanes) {
          expect(lane.times[lane.stage]).toBeDefined();
          const known = before?.lanes.find((one) => one.uid === lane.uid)?.times ?? {};
          expect(lane.times).toMatchObject(known);
          const isLeft = !active.includes(lane.uid) && !failed.includes(lane.uid);
          expect(isLeft).toBe(lane.stage === 'Succeeded');
        }
        before = view;
      });
    }),
  );
});
