import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createCallRates, type RateVerdict } from './call-rates.js';

/** Verdicts one after the other, and how often each came. */
function judgeOften(judge: () => RateVerdict, times: number): readonly (readonly [RateVerdict, number])[] {
  const runs: [RateVerdict, number][] = [];
  for (let count = 0; count < times; count++) {
    const verdict = judge();
    const last = runs.at(-1);
    if (last?.[0] === verdict) last[1]++;
    else runs.push([verdict, 1]);
  }
  return runs;
}

describe('the rate of calls', () => {
  test('serves a caller a burst, refuses for a while, and then ends', () => {
    const rates = createCallRates({ clock: createFakeClock(), perSecond: 100 });
    expect(judgeOften(() => rates.judgeCaller('alice'), 450)).toEqual([
      ['serve', 400],
      ['refuse', 24],
      ['end', 26],
    ]);
    expect(rates.judgeCaller('bob')).toBe('serve');
  });

  test('of calls with large headers is lower, for a connection and for a caller', () => {
    const connection = { accepted: () => true, onlyCaller: () => undefined };
    const served = (bytes: number): readonly number[] => {
      const rates = createCallRates({ clock: createFakeClock(), perSecond: 500 });
      const one = { ...connection };
      const judges = [(): RateVerdict => rates.judgeConnection(one, bytes), () => rates.judgeCaller('a', bytes)];
      return judges.map((judge) => judgeOften(judge, 3_000)[0]?.[1] ?? 0);
    };
    expect(served(8 * 1024)).toEqual([1_000, 2_000]);
    expect(served(16 * 1024)).toEqual([200, 400]);
  });

  test('serves again once the caller has slowed down, and never ends one that calls at its rate', () => {
    const clock = createFakeClock();
    const rates = createCallRates({ clock, perSecond: 100 });
    judgeOften(() => rates.judgeCaller('alice'), 5_000);
    clock.advance(4_010);
    expect(rates.judgeCaller('alice')).toBe('serve');
    for (let count = 0; count < 10_000; count++) {
      clock.advance(10);
      expect(rates.judgeCaller('alice')).toBe('serve');
    }
  });

  test('of a stranger’s connection is lower than of one on which somebody was let in', () => {
    const rates = createCallRates({ clock: createFakeClock(), perSecond: 500 });
    let accepted = false;
    const connection = { accepted: () => accepted, onlyCaller: () => undefined };
    expect(judgeOften(() => rates.judgeConnection(connection), 120)).toEqual([
      ['serve', 100],
      ['refuse', 11],
      ['end', 9],
    ]);
    accepted = true;
    expect(judgeOften(() => rates.judgeConnection(connection), 1_000)).toEqual([['serve', 1_000]]);
    expect(rates.judgeConnection({ accepted: () => false, onlyCaller: () => undefined })).toBe('serve');
  });

  test('of a caller in debt is no other on a further connection, unless that is somebody else’s too', () => {
    const rates = createCallRates({ clock: createFakeClock(), perSecond: 100 });
    judgeOften(() => rates.judgeCaller('alice'), 400);
    const connectionOf = (onlyCaller: string | undefined) => ({ accepted: () => true, onlyCaller: () => onlyCaller });
    expect(rates.judgeConnection(connectionOf('bob'))).toBe('serve');
    expect(rates.judgeConnection(connectionOf(undefined))).toBe('serve');
    expect(judgeOften(() => rates.judgeConnection(connectionOf('alice')), 30)).toEqual([
      ['refuse', 24],
      ['end', 6],
    ]);
  });

  test('leaves a connection no more streams to break off than nghttp2 takes', () => {
    const clock = createFakeClock();
    const rates = createCallRates({ clock, perSecond: 500 });
    const connection = { accepted: () => true, onlyCaller: () => undefined };
    for (let count = 0; count < 900; count++) expect(rates.takeReset(connection)).toBe(true);
    expect(rates.takeReset(connection)).toBe(false);
    clock.advance(1_000);
    for (let count = 0; count < 30; count++) expect(rates.takeReset(connection)).toBe(true);
    expect(rates.takeReset(connection)).toBe(false);
  });

  test('is forgotten for callers who have not called for a while', () => {
    const clock = createFakeClock();
    const rates = createCallRates({ clock, perSecond: 100 });
    for (let caller = 0; caller < 1_024; caller++) rates.judgeCaller(String(caller));
    expect(rates.callers).toBe(1_024);
    clock.advance(1_000);
    rates.judgeCaller('one more');
    expect(rates.callers).toBe(1);
  });
});
