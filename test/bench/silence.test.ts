import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSilenceMeter } from './silence.js';

describe('the longest silence', () => {
  test('counts a pause that lasts over the end of a part in the next part, whole', () => {
    const clock = createFakeClock();
    const meter = createSilenceMeter(clock);
    meter.begin();
    clock.advance(7);
    meter.heard();
    clock.advance(20);
    expect(meter.next()).toBe(7);
    clock.advance(10);
    meter.heard();
    clock.advance(5);
    expect(meter.end()).toBe(30);
  });

  test('is that of a pause which still lasts at the end, and never of one before the beginning', () => {
    const clock = createFakeClock();
    const meter = createSilenceMeter(clock);
    clock.advance(100);
    meter.begin();
    clock.advance(9);
    expect(meter.end()).toBe(9);
  });
});
