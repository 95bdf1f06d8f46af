import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { AttachBudget } from './attach-budget.js';

const silence = { code: status.UNAVAILABLE, details: '', metadata: new Metadata() };

describe('the time for the connection of an attempt', () => {
  test('is that for connecting while nothing is open, and that for a welcome afterwards', () => {
    const budget = new AttachBudget({ connectTimeoutMs: 4_000, attachTimeoutMs: 12_000 }, createFakeClock());
    budget.restart();
    expect(budget.dialMs).toBe(4_000);
    budget.welcomed(900_000);
    expect(budget.dialMs).toBe(12_000);
  });

  test('is what is said, whatever the others are', () => {
    const budget = new AttachBudget({ connectTimeoutMs: 4_000, dialTimeoutMs: 700 }, createFakeClock());
    expect(budget.dialMs).toBe(700);
    budget.welcomed(900_000);
    expect(budget.dialMs).toBe(700);
  });

  test('ends with the time that the session has, except for a second', () => {
    const clock = createFakeClock();
    const budget = new AttachBudget({ reattachTimeoutMs: 10_000 }, clock);
    budget.welcomed(900_000);
    budget.restart();
    clock.advance(4_000);
    expect(budget.dialMs).toBe(6_000);
    clock.advance(5_500);
    expect(budget.dialMs).toBe(1_000);
    expect(budget.allows(400, silence)).toBe(true);
    expect(budget.allows(600, silence)).toBe(false);
  });
});
