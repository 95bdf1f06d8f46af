import { describe, expect, test } from '@jest/globals';
import { handoverParts } from './handover-parts.js';

describe('the parts of a handover', () => {
  test('are those of both logs; the way is what is left', () => {
    const giver =
      '{"sessionId":"a","freezeMs":2,"giveMs":9}\nnoise\n{"sessionId":"b","freezeMs":1,"giveMs":1}\n{"freezeMs"';
    const taker = '{"sessionId":"a","restoreMs":3,"liveMs":4}\n';
    expect([...handoverParts(giver, taker)]).toEqual([['a', { freezeMs: 2, socketMs: 2, restoreMs: 3, liveMs: 4 }]]);
  });
});
