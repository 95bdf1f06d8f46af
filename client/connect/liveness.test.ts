import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createLiveness, type Liveness } from './liveness.js';

function watch(): { liveness: Liveness; clock: FakeClock; heard: string[] } {
  const clock = createFakeClock();
  const heard: string[] = [];
  const liveness = createLiveness({
    clock,
    options: {},
    ping: (nonce) => heard.push(`ping ${nonce}`),
    silent: () => heard.push('silent'),
    answering: () => heard.push('answering'),
    dead: () => heard.push('dead'),
    answered: (ms) => heard.push(`answered ${ms}`),
  });
  return { liveness, clock, heard };
}

describe('liveness', () => {
  test('asks after 20 s of silence, and gives up 10 s later', () => {
    const { liveness, clock, heard } = watch();
    liveness.start();
    clock.advance(19_999);
    expect(heard).toEqual([]);
    clock.advance(1);
    expect(heard).toEqual(['ping 1']);
    clock.advance(9_999);
    expect(heard).toEqual(['ping 1', 'silent']);
    clock.advance(1);
    expect(heard).toEqual(['ping 1', 'silent', 'dead']);
  });

  test('says after 2 s that nobody answers, and that somebody does after all', () => {
    const { liveness, clock, heard } = watch();
    liveness.start();
    clock.advance(21_999);
    expect(heard).toEqual(['ping 1']);
    clock.advance(1);
    expect(heard).toEqual(['ping 1', 'silent']);
    liveness.heard();
    clock.advance(22_000);
    expect(heard).toEqual(['ping 1', 'silent', 'answering', 'ping 2', 'silent']);
  });

  test('measures the round trip, and takes anything for a sign of life', () => {
    const { liveness, clock, heard } = watch();
    liveness.start();
    clock.advance(20_000);
    clock.advance(7);
    liveness.heard();
    liveness.answered(1);
    clock.advance(19_999);
    expect(heard).toEqual(['ping 1', 'answered 7']);
    clock.advance(1);
    expect(heard).toEqual(['ping 1', 'answered 7', 'ping 2']);
  });

  test('asks nothing while something comes', () => {
    const { liveness, clock, heard } = watch();
    liveness.start();
    for (let second = 0; second < 100; second++) {
      clock.advance(1000);
      liveness.heard();
    }
    expect(heard).toEqual([]);
  });

  test('leaves no timer behind', () => {
    const { liveness, clock } = watch();
    liveness.start();
    clock.advance(25_000);
    liveness.stop();
    expect(clock.pending()).toBe(0);
  });
});
