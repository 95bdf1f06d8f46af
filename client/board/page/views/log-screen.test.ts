import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { LogScreen } from './log-screen.js';

test('what comes is told as shown when it is drawn, once for all that came meanwhile', () => {
  const clock = createFakeClock();
  const screen = new LogScreen(clock);
  const shown: number[] = [];
  const [first, second] = [new TextEncoder().encode('one 漢'), new TextEncoder().encode(' two\n')];
  screen.write(first.slice(0, 5), () => void shown.push(1));
  screen.write(first.slice(5), () => void shown.push(2));
  screen.write(second, () => void shown.push(3));
  expect([shown, screen.version.value]).toEqual([[], 0]);
  clock.advance(30);
  expect([shown, screen.version.value]).toEqual([[1, 2, 3], 1]);
  expect(screen.lines.line(0)).toBe('one 漢 two');
});
