import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { settle } from '#test/support/settle.js';
import type { Container, Probe } from './pod.js';
import { startReadinessLoop } from './readiness-loop.js';

interface Setup {
  readonly clock: FakeClock;
  readonly told: boolean[];
  readonly unhealthy: string[];
  readonly stop: () => void;
  readonly setFailure: (failure: string | undefined) => void;
  readonly advance: (ms: number) => Promise<void>;
}

function setUp(probe: Probe | undefined, wasReady = false): Setup {
  const clock = createFakeClock();
  const told: boolean[] = [];
  const unhealthy: string[] = [];
  let failure: string | undefined;
  const container: Container = { name: 'c', image: 'i', ...(probe === undefined ? {} : { readinessProbe: probe }) };
  const stop = startReadinessLoop(
    {
      clock,
      container,
      podIp: '127.0.0.1',
      prober: { probe: () => Promise.resolve(failure) },
      onUnhealthy: (text) => void unhealthy.push(text),
    },
    wasReady,
    (isReady) => void told.push(isReady),
  );
  const advance = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await settle();
    }
  };
  return { clock, told, unhealthy, stop, advance, setFailure: (next) => void (failure = next) };
}

const probe: Probe = { tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 3 };

describe('readiness loop', () => {
  test('takes a container without a probe as ready', () => {
    expect(setUp(undefined).told).toEqual([true]);
  });

  test('looks often while a container comes up, and says nothing of the failures until then', async () => {
    const { advance, setFailure, told, unhealthy } = setUp(probe);
    setFailure('refused');
    await advance(350);
    expect(told).toEqual([]);
    setFailure(undefined);
    await advance(100);
    expect(told).toEqual([true]);
    expect(unhealthy).toEqual([]);
  });

  test('takes as many failures as the probe allows, a period apart', async () => {
    const { advance, setFailure, told, unhealthy } = setUp(probe, true);
    setFailure('refused');
    await advance(2000);
    expect(told).toEqual([]);
    await advance(1000);
    expect(told).toEqual([false]);
    expect(unhealthy).toHaveLength(3);
    setFailure(undefined);
    await advance(1000);
    expect(told).toEqual([false, true]);
  });

  test('asks no more once it is stopped', async () => {
    const { advance, clock, stop } = setUp(probe);
    await advance(200);
    stop();
    expect(clock.pending()).toBe(0);
  });
});
