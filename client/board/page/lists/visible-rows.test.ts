import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { scrollToRow, visibleRows } from './visible-rows.js';

const screen = fc.record({
  count: fc.nat(10_000),
  rowPx: fc.integer({ min: 10, max: 60 }),
  heightPx: fc.integer({ min: 0, max: 2_000 }),
  scrollPx: fc.nat(700_000),
});

describe('rows on the screen', () => {
  test('are all that are seen, never more than 120, and the list keeps its height', () => {
    fc.assert(
      fc.property(screen, (rows) => {
        const drawn = visibleRows(rows);
        expect(drawn.count).toBeLessThanOrEqual(120);
        expect(drawn.beforePx + drawn.count * rows.rowPx + drawn.afterPx).toBe(rows.count * rows.rowPx);
        expect(drawn.first).toBeLessThanOrEqual(drawn.firstSeen);
        expect(drawn.firstSeen + drawn.seen).toBeLessThanOrEqual(drawn.first + drawn.count);
        const lastScrollPx = Math.max(0, rows.count * rows.rowPx - rows.heightPx);
        const scrollPx = Math.min(rows.scrollPx, lastScrollPx);
        const within = visibleRows({ ...rows, scrollPx });
        if (rows.heightPx / rows.rowPx > 100) return;
        expect(within.beforePx).toBeLessThanOrEqual(scrollPx);
        expect(within.beforePx + within.count * rows.rowPx).toBeGreaterThanOrEqual(
          Math.min(scrollPx + rows.heightPx, rows.count * rows.rowPx),
        );
      }),
    );
  });

  test('an empty list draws nothing', () => {
    expect(visibleRows({ count: 0, rowPx: 40, heightPx: 400, scrollPx: 90 })).toMatchObject({ first: 0, count: 0 });
  });

  test('a row that is seen is not scrolled to, one that is not is', () => {
    const rows = { count: 100, rowPx: 40, heightPx: 400, scrollPx: 400 };
    expect(scrollToRow(12, rows)).toBe(400);
    expect(scrollToRow(3, rows)).toBe(120);
    expect(scrollToRow(25, rows)).toBe(640);
  });
});
