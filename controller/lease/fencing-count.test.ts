import { describe, expect, test } from '@jest/globals';
import { fencingOf, floorAnnotation, nextTransitions, raisedAnnotation, raiseLimit } from './fencing-count.js';
import type { Lease } from '#kube/objects.js';

const now = new Date('2026-01-01T12:00:00Z');
const lease = (leaseTransitions: number, annotations: Record<string, string> = {}): Lease => ({
  metadata: { name: 'l', namespace: 'n', annotations },
  spec: { leaseTransitions },
});

describe('the count of the lease', () => {
  test('rises with each leader and stays with a renewal', () => {
    expect(nextTransitions(lease(4), { isNewLeader: true })).toBe(5);
    expect(nextTransitions(lease(4), { isNewLeader: false })).toBe(4);
    expect(fencingOf(lease(4))).toBe(5);
    expect(fencingOf(undefined)).toBe(1);
  });

  test.each([2 ** 30, 2_147_483_646, 2_147_483_647])('begins anew where somebody has made it %d', (count) => {
    expect(nextTransitions(lease(count), { isNewLeader: true })).toBe(0);
    expect(nextTransitions(lease(count), { isNewLeader: false })).toBe(0);
  });

  test('is at least what a person has said', () => {
    expect(fencingOf(lease(nextTransitions(lease(4, { [floorAnnotation]: '900000' }), { isNewLeader: false })))).toBe(
      900_000,
    );
    expect(nextTransitions(lease(1_000_000, { [floorAnnotation]: '900000' }), { isNewLeader: true })).toBe(1_000_001);
  });

  test.each(['', 'much', '-1', '1.5', '1073741825', '9007199254740991'])('takes no notice of a floor %j', (floor) => {
    expect(nextTransitions(lease(4, { [floorAnnotation]: floor }), { isNewLeader: true })).toBe(5);
  });
});

describe('what a node says raises the number', () => {
  test('by 10,000 at most, and once an hour', () => {
    expect(raiseLimit(lease(4), now)).toBe(10_005);
    expect(raiseLimit(lease(4, { [raisedAnnotation]: '2026-01-01T11:00:01Z' }), now)).toBe(5);
    expect(raiseLimit(lease(4, { [raisedAnnotation]: '2026-01-01T12:30:00Z' }), now)).toBe(5);
    expect(raiseLimit(lease(4, { [raisedAnnotation]: '2026-01-01T11:00:00Z' }), now)).toBe(10_005);
  });

  test('never above 2³⁰', () => {
    expect(raiseLimit(lease(2 ** 30 - 3), now)).toBe(2 ** 30);
  });
});
