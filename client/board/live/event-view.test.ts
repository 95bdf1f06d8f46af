import { expect, test } from '@jest/globals';
import { mergeEvents, mostEvents } from '../wire/merge-events.js';
import { eventView } from './event-view.js';

test('whatever those who may write events write into them, a page is sent no more than it can show', () => {
  const long = 'x'.repeat(1024 * 1024);
  const events = Array.from({ length: mostEvents + 1 }, (_, at) =>
    eventView({
      metadata: { uid: String(at) },
      reason: long,
      message: long,
      involvedObject: { kind: long, name: long },
      lastTimestamp: '2026-01-01T00:00:00Z',
    }),
  );
  const kept = mergeEvents([], events);
  expect(kept).toHaveLength(mostEvents);
  expect(JSON.stringify(kept).length).toBeLessThan(1024 * 1024);
  expect(kept[0]?.text).toMatch(/^x+…$/);
});
