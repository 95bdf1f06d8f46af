import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import type { Frames } from '#proto/session/v1/session.js';
import type { SessionAttachment } from './attachment.js';
import { FormerAttachment } from './former-attachment.js';

const last: Frames = { ack: 0, credit: 0, frames: [] };

function make(): { attachment: SessionAttachment; ends: (readonly Frames[])[] } {
  const ends: (readonly Frames[])[] = [];
  const finish = (messages: readonly Frames[]): void => void ends.push(messages);
  return { attachment: { finish } as unknown as SessionAttachment, ends };
}

test('an attachment that was moved from ends once, when its successor is confirmed', () => {
  const clock = createFakeClock();
  const former = new FormerAttachment(clock);
  const { attachment, ends } = make();
  former.keep(attachment, last);
  expect(former.has(attachment)).toBe(true);
  expect(ends).toEqual([]);
  former.end();
  former.end();
  expect(ends).toEqual([[last]]);
  expect(former.has(attachment)).toBe(false);
  expect(clock.pending()).toBe(0);
});

test('it ends after two seconds, and when another one takes its place', () => {
  const clock = createFakeClock();
  const former = new FormerAttachment(clock);
  const [first, second] = [make(), make()];
  former.keep(first.attachment, last);
  former.keep(second.attachment, last);
  expect(first.ends).toHaveLength(1);
  clock.advance(1_999);
  expect(second.ends).toHaveLength(0);
  clock.advance(1);
  expect(second.ends).toHaveLength(1);
});
