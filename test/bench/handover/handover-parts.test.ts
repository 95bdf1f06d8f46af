import { describe, expect, test } from '@jest/globals';
import { handoverParts } from './handover-parts.js';

describe('the parts of a handover', () => {
  test('are those that both workers logged; the way is what is left', () => {
    const log = [
      '{"time":"1970-01-01T00:00:01.500Z","sessionId":"a","restoreMs":3,"liveMs":4}',
      '{"time":"1970-01-01T00:00:01.509Z","sessionId":"a","freezeMs":2,"giveMs":9}',
      'noise',
      '{"sessionId":"b","freezeMs":1,"giveMs":1}',
      '{"sessionId":"c","restoreMs":1,"liveMs":1}',
      '{"freezeMs"',
    ];
    const parts = { freezeMs: 2, socketMs: 2, restoreMs: 3, liveMs: 4, decidedAtMs: 1_500 };
    expect([...handoverParts(log.join('\n'))]).toEqual([['a', parts]]);
  });
});
