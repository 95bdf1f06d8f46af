import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { msToDuration } from '#common/time/duration.js';
import { GateStatus, State } from '#proto/gate/v1/gate.js';
import {
  aggregateState,
  collectHolders,
  longestDeadline,
  noticesMayEnd,
  restartOf,
  shortestLease,
  sumCounts,
  type AggregatedWorker,
} from './aggregate.js';

const up = (status: Parameters<typeof GateStatus.fromPartial>[0]): AggregatedWorker => ({
  kind: 'up',
  status: GateStatus.fromPartial(status),
});
const inState = (state: State): AggregatedWorker => up({ state });
const known: readonly State[] = [
  ...[State.SERVING, State.CORDONED, State.NOTIFIED, State.FROZEN, State.QUIESCED],
  ...[State.CHECKPOINTED, State.RELEASED, State.CLOSED, State.FORCED],
];
const unknown: AggregatedWorker = { kind: 'unknown' };
const absent: AggregatedWorker = { kind: 'absent' };

describe('the state of several workers', () => {
  test('is the least advanced one', () => {
    expect(aggregateState([inState(State.CLOSED), inState(State.FROZEN)], State.SERVING)).toBe(State.FROZEN);
    expect(aggregateState([inState(State.CLOSED), inState(State.FORCED)], State.SERVING)).toBe(State.FORCED);
  });

  test('is FROZEN once a notice has ended, though others wait for their turn', () => {
    const sumOf = (...states: State[]): State => aggregateState(states.map(inState), State.SERVING);
    expect(sumOf(State.NOTIFIED, State.FROZEN)).toBe(State.FROZEN);
    expect(sumOf(State.CLOSED, State.NOTIFIED, State.NOTIFIED)).toBe(State.FROZEN);
    expect(sumOf(State.NOTIFIED, State.NOTIFIED)).toBe(State.NOTIFIED);
    expect(sumOf(State.CORDONED, State.FROZEN)).toBe(State.CORDONED);
  });

  test('does not count workers that are certainly not there', () => {
    expect(aggregateState([absent, inState(State.CLOSED)], State.SERVING)).toBe(State.CLOSED);
    expect(aggregateState([absent], State.CORDONED)).toBe(State.CORDONED);
    expect(aggregateState([], State.SERVING)).toBe(State.SERVING);
  });

  test('is unknown as soon as one is unknown, whatever the others are', () => {
    const worker = fc.constantFrom(absent, unknown, ...known.map(inState), inState(State.UNSPECIFIED));
    fc.assert(
      fc.property(
        fc.array(worker),
        fc.array(worker),
        fc.constantFrom(unknown, inState(State.UNSPECIFIED)),
        (before, after, bad) => {
          expect(aggregateState([...before, bad, ...after], State.CLOSED)).toBe(State.UNSPECIFIED);
        },
      ),
    );
  });

  test('is closed only when every worker that is there is closed', () => {
    const worker = fc.constantFrom(absent, unknown, ...known.map(inState));
    fc.assert(
      fc.property(fc.array(worker, { minLength: 1 }), (nodeWorkers) => {
        const closed = aggregateState(nodeWorkers, State.SERVING) === State.CLOSED;
        const present = nodeWorkers.filter(({ kind }) => kind !== 'absent');
        const all = present.every((view) => view.kind === 'up' && view.status.state === State.CLOSED);
        expect(closed).toBe(all && present.length > 0);
      }),
    );
  });
});

describe('what several workers say', () => {
  test('ends their notices when none has a use for the rest, and never on a guess', () => {
    const idle = up({ state: State.NOTIFIED, noticeMayEnd: true });
    expect(noticesMayEnd([idle, absent, inState(State.FROZEN), inState(State.CLOSED)])).toBe(true);
    expect(noticesMayEnd([idle, inState(State.NOTIFIED)])).toBe(false);
    expect(noticesMayEnd([idle, inState(State.CORDONED)])).toBe(false);
    expect(noticesMayEnd([idle, unknown])).toBe(false);
  });

  test('adds up their counts', () => {
    const one = { finished: 1, kept: 2, checkpointed: 3, forced: 4, remaining: 5, restored: 6, moved: 7 };
    expect(sumCounts([one, undefined, one])).toEqual({
      ...{ finished: 2, kept: 4, checkpointed: 6, forced: 8, remaining: 10, restored: 12, moved: 14 },
    });
  });

  test('has the lease that ends first and the deadline that ends last', () => {
    const nodeWorkers = [
      up({ leaseRemaining: msToDuration(500), deadlineRemaining: msToDuration(10) }),
      up({ leaseRemaining: msToDuration(200), deadlineRemaining: msToDuration(30) }),
      up({}),
    ];
    expect(shortestLease(nodeWorkers)).toEqual(msToDuration(200));
    expect(longestDeadline(nodeWorkers)).toEqual(msToDuration(30));
    expect(shortestLease([up({})])).toBeUndefined();
  });

  test('names the longest holders, fifty at most', () => {
    const holders = Array.from({ length: 60 }, (_, index) => ({ operation: `op${index}`, held: msToDuration(index) }));
    const collected = collectHolders([up({ holders })]);
    expect(collected).toHaveLength(50);
    expect(collected[0]?.operation).toBe('op59');
  });

  test('names the restart that has cordoned one of them', () => {
    const serving = up({ state: State.SERVING, restartUid: 'old' });
    expect(restartOf([serving])).toBeUndefined();
    expect(restartOf([serving, up({ state: State.FROZEN, restartUid: 'r1' })])).toBe('r1');
  });
});
