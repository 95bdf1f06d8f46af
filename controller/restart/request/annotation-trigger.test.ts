import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { daemonSets } from '#kube/api.js';
import { panelRestarts } from '../api/panel-restart.js';

function setUp(): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster({ nodes: 1 });
  return { sim, driver: createSimDriver(sim) };
}

function annotationsOf(sim: SimCluster): Readonly<Record<string, string>> {
  return sim.kube.all(daemonSets)[0]?.metadata.annotations ?? {};
}

async function finishAll(sim: SimCluster, driver: SimDriver): Promise<void> {
  await driver.until(() => false, 500);
  const done = await driver.until(() => driver.restarts().every(({ metadata }) => isOver(sim, metadata.name)), 600_000);
  expect(done).toBe(true);
}

describe('the annotation panelet.dev/restart', () => {
  test('restarts once for each new value: A, B, A restarts three times', async () => {
    const { sim, driver } = setUp();
    for (const value of ['A', 'B', 'A']) {
      sim.annotate({ 'panelet.dev/restart': value });
      await finishAll(sim, driver);
      sim.clock.advance(2_000);
    }
    expect(driver.restarts()).toHaveLength(3);
    expect(driver.restarts().map(({ status }) => status?.phase)).toEqual(['Succeeded', 'Succeeded', 'Succeeded']);
    expect(sim.deletes().size).toBe(3);
    expect(annotationsOf(sim)['panelet.dev/restart-observed']).toBe('3:A');
  });

  test('with nothing that may be away and nothing that may be beside another restarts nothing, and says so', async () => {
    const { sim, driver } = setUp();
    const none = { 'panelet.dev/max-surge': '0', 'panelet.dev/max-unavailable': '0', 'panelet.dev/warm-timeout': '2h' };
    sim.annotate({ 'panelet.dev/restart': 'A', ...none });
    await driver.until(() => false, 1_000);
    expect(driver.restarts()).toEqual([]);
    const error = annotationsOf(sim)['panelet.dev/restart-error'];
    expect(error).toContain('panelet.dev/max-surge and panelet.dev/max-unavailable are both 0');
    expect(error).toContain('panelet.dev/warm-timeout is "2h"; give a time from 1s to 1h');
    sim.annotate({ 'panelet.dev/max-surge': '25%', 'panelet.dev/warm-timeout': '90s' });
    await driver.until(() => driver.restarts().length > 0, 1_000);
    const strategy = { maxSurge: '25%', maxUnavailable: 0, warmTimeoutSeconds: 90 };
    expect(driver.restarts()[0]?.spec.strategy).toEqual(strategy);
  });

  test('with the value that was taken up does nothing', async () => {
    const { sim, driver } = setUp();
    sim.annotate({ 'panelet.dev/restart': 'A', 'panelet.dev/restart-observed': '7:A' });
    await driver.until(() => false, 5_000);
    expect(driver.restarts()).toEqual([]);
  });

  test('may have colons in its value', async () => {
    const { sim, driver } = setUp();
    sim.annotate({ 'panelet.dev/restart': 'a:12:30' });
    await finishAll(sim, driver);
    await driver.until(() => false, 5_000);
    expect(driver.restarts()).toHaveLength(1);
    expect(annotationsOf(sim)['panelet.dev/restart-observed']).toBe('1:a:12:30');
  });

  test('with a long value is remembered by its digest', async () => {
    const { sim, driver } = setUp();
    sim.annotate({ 'panelet.dev/restart': 'x'.repeat(5_000) });
    await finishAll(sim, driver);
    expect(annotationsOf(sim)['panelet.dev/restart-observed']).toMatch(/^1:sha256-[0-9a-f]{64}$/);
    await driver.until(() => false, 5_000);
    expect(driver.restarts()).toHaveLength(1);
  });

  test('with a time in the future waits for it, and with one in the past does not', async () => {
    const { sim, driver } = setUp();
    const due = new Date(sim.clock.nowMs() + 60_000).toISOString();
    sim.annotate({ 'panelet.dev/restart': due });
    await driver.until(() => driver.restarts()[0]?.status?.phase === 'Scheduled', 5_000);
    expect(Date.parse(driver.restarts()[0]?.spec.notBefore ?? '')).toBeLessThanOrEqual(Date.parse(due));
    await driver.until(() => false, 50_000);
    expect(sim.deletes().size).toBe(0);
    await finishAll(sim, driver);
    expect(sim.deletes().size).toBe(1);
    sim.annotate({ 'panelet.dev/restart': '2020-01-01T00:00:00Z' });
    await finishAll(sim, driver);
    expect(driver.restarts()[1]?.spec.notBefore).toBeUndefined();
  });

  test('that looks like a time and is none that is understood restarts nothing, says why, and is corrected', async () => {
    const { sim, driver } = setUp();
    sim.annotate({ 'panelet.dev/restart': '2099-01-01 03:00' });
    await driver.until(() => false, 60_000);
    expect(driver.restarts()).toEqual([]);
    expect(annotationsOf(sim)['panelet.dev/restart-error']).toContain('which looks like a time and is none that is');
    sim.annotate({ 'panelet.dev/restart': '2099-01-01 03:00:00+0100' });
    await driver.until(() => driver.restarts()[0]?.status?.phase === 'Scheduled', 5_000);
    expect(driver.restarts()[0]?.spec.notBefore).toBe('2099-01-01T02:00:00Z');
    expect(annotationsOf(sim)['panelet.dev/restart-error']).toBeUndefined();
  });

  test('has its result at the target, that of the last value only', async () => {
    const { sim, driver } = setUp();
    const result = (): string | undefined => annotationsOf(sim)['panelet.dev/restart-result'];
    sim.annotate({ 'panelet.dev/restart': 'A' });
    await driver.until(() => driver.restarts().length === 1, 5_000);
    expect(result()).toBeUndefined();
    await driver.until(() => result() !== undefined, 600_000);
    expect(result()).toBe('Succeeded:A');
    sim.annotate({ 'panelet.dev/restart': 'B' });
    await driver.until(() => driver.restarts().length === 2, 5_000);
    // B replaces it before it is over.
    sim.annotate({ 'panelet.dev/restart': 'C' });
    await driver.until(() => result() !== 'Succeeded:A', 600_000);
    expect(driver.restarts().map(({ status }) => status?.phase)).toEqual(['Succeeded', 'Superseded', 'Succeeded']);
    expect(result()).toBe('Succeeded:C');
  });

  test('carries its options into the restart', async () => {
    const { sim, driver } = setUp();
    sim.annotate({
      'panelet.dev/restart': 'A',
      'panelet.dev/restart-reason': 'a panel was installed',
      'panelet.dev/drain-timeout': '5m',
      'panelet.dev/notice': '2s',
      'panelet.dev/on-timeout': 'force',
      'panelet.dev/max-unavailable': '25%',
    });
    await driver.until(() => driver.restarts().length === 1, 5_000);
    expect(driver.restarts()[0]?.spec).toMatchObject({
      reason: 'a panel was installed',
      drain: { timeoutSeconds: 300, noticeSeconds: 2, onTimeout: 'Force' },
      strategy: { maxUnavailable: '25%' },
    });
  });

  test('with wrong options restarts nothing, says every problem once, and goes on when they are right', async () => {
    const { sim, driver } = setUp();
    sim.annotate({
      'panelet.dev/restart': 'A',
      'panelet.dev/on-timeout': 'Frce',
      'panelet.dev/drain-timeout': 'soon',
      'panelet.dev/max-unavailable': '51',
    });
    await driver.until(() => false, 30_000);
    expect(driver.restarts()).toEqual([]);
    expect(driver.events).toHaveLength(1);
    expect(driver.events[0]).toMatchObject({ type: 'Warning', reason: 'InvalidRestartRequest' });
    const error = annotationsOf(sim)['panelet.dev/restart-error'];
    expect(error).toContain('Annotation panelet.dev/on-timeout is "Frce"; use Force, Wait or Abort.');
    expect(error).toContain('panelet.dev/drain-timeout is "soon"; give a time from 1s to 24h');
    expect(error).toContain('panelet.dev/max-unavailable is "51"; give a number from 0 to 50 or a percentage');
    sim.annotate({
      'panelet.dev/on-timeout': 'Force',
      'panelet.dev/drain-timeout': '90',
      'panelet.dev/max-unavailable': '1',
    });
    await finishAll(sim, driver);
    expect(annotationsOf(sim)['panelet.dev/restart-error']).toBeUndefined();
    expect(sim.deletes().size).toBe(1);
  });

  test('tells the same mistake in another request again, beside what came of the last good one', async () => {
    const { sim, driver } = setUp();
    sim.annotate({ 'panelet.dev/restart': 'A' });
    await finishAll(sim, driver);
    const told = (): number => driver.events.filter(({ reason }) => reason === 'InvalidRestartRequest').length;
    for (const [index, value] of ['B', 'C'].entries()) {
      sim.annotate({ 'panelet.dev/restart': value, 'panelet.dev/on-timeout': 'Frce' });
      await driver.until(() => false, 30_000);
      expect(told()).toBe(index + 1);
      expect(annotationsOf(sim)['panelet.dev/restart-result']).toBe(`Refused:${value}`);
    }
    sim.annotate({ 'panelet.dev/restart': 'A' });
    await driver.until(() => false, 30_000);
    expect(annotationsOf(sim)['panelet.dev/restart-error']).toBeUndefined();
    expect(annotationsOf(sim)['panelet.dev/restart-result']).toBe('Succeeded:A');
    expect(driver.restarts()).toHaveLength(1);
  });

  test('that changed while the controller was dead makes two restarts, the second in the place of the first', async () => {
    const { sim } = setUp();
    sim.annotate({ 'panelet.dev/restart': 'A' });
    // The first life dies after it made the restart and before it wrote the count down.
    const driver = createSimDriver(sim, [{ call: 1, when: 'after' }]);
    await driver.until(() => driver.lives() === 2, 5_000);
    sim.annotate({ 'panelet.dev/restart': 'B' });
    await finishAll(sim, driver);
    const requested = driver.restarts().map(({ metadata }) => metadata.annotations?.['panelet.dev/restart-requested']);
    expect(requested).toEqual(['1:A', '2:B']);
    expect(annotationsOf(sim)['panelet.dev/restart-observed']).toBe('2:B');
  });

  test('does not take over an object of the same name that somebody else made', async () => {
    const { sim, driver } = setUp();
    sim.annotate({ 'panelet.dev/restart': 'A' });
    const rehearsal = setUp();
    rehearsal.sim.annotate({ 'panelet.dev/restart': 'A' });
    await rehearsal.driver.until(() => rehearsal.driver.restarts().length === 1, 5_000);
    const name = rehearsal.driver.restarts()[0]?.metadata.name ?? '';
    sim.kube.put(panelRestarts, {
      metadata: { namespace: sim.target.namespace, name },
      spec: { targetRef: { name: 'another' } },
    });
    await driver.until(() => false, 5_000);
    expect(annotationsOf(sim)['panelet.dev/restart-error']).toContain('is in the way');
    expect(sim.deletes().size).toBe(0);
  });
});
