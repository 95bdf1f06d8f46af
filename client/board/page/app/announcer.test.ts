import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { Announcer } from './announcer.js';

test('says together what happens within a second, each once, and counts what is too much', () => {
  const clock = createFakeClock();
  const announcer = new Announcer(clock);
  for (const sentence of ['a', 'b', 'a', 'c', 'd', 'e', 'f']) announcer.tell(sentence);
  expect(announcer.text.value).toBe('');
  clock.advance(1_000);
  expect(announcer.text.value).toBe('a. b. c. d. 2 more changes');
  announcer.tell('later');
  clock.advance(1_000);
  expect(announcer.text.value).toBe('later');
});
