import { describe, expect, test } from '@jest/globals';

import { createFakeClock, type Clock, type FakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';

import { leases, type KubeApi } from '#kube/api.js';
import { settle } from '#test/support/settle.js';
import { createLeaderElector, type Lead } from './leader-elector.js';

/** Time goes on in steps, so that what waits gets its turn in between. */
async function pass(clock: FakeClock, ms: number, stepMs = 250): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(stepMs);
    await settle();
  }
}

/** The same time, read on a clock that is wrong by `skewMs`. */
function skewed(clock: FakeClock, skewMs: number): Clock {
  return { ...clock, nowMs: () => clock.nowMs() + skewMs, date: () => new Date(clock.nowMs() + skewMs) };
}

interface Candidate {
  readonly stop: AbortController;
  lead: Lead | undefined;
  leading: boolean;
  ended: string | undefined;
}

function candidate(api: KubeApi, identity: string, clock: Clock): Candidate {
  const own: Candidate = { stop: new AbortController(), lead: undefined, leading: false, ended: undefined };
  const elector = createLeaderElector({
    api,
    lease: { namespace: 'n', name: 'l' },
    identity,
    clock,
    random: createSeededRandom(identity.length),
    log: createSilentLog(),
  });
  const work = (lead: Lead): Promise<void> =>
    new Promise((resolve) => {
      own.lead = lead;
      own.leading = true;
      lead.signal.addEventListener('abort', () => {
        own.leading = false;
        resolve();
      });
    });
  void elector.run(own.stop.signal, work).then((how) => {
    own.ended = how;
  });
  return own;
}

function cutOff(kube: FakeKube): { api: KubeApi; cut: boolean } {
  const line = { api: kube as KubeApi, cut: false };
  const guard = <A extends unknown[], R>(real: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> =>
      line.cut ? Promise.reject(new PaneletError('API_UNAVAILABLE', 'cut off')) : real(...args);
  };
  line.api = {
    ...kube,
    get: guard((resource: never, key: never) => kube.get(resource, key)) as never,
    create: guard((resource: never, object: never) => kube.create(resource, object)),
    patch: guard((resource: never, key: never, body: never) => kube.patch(resource, key, body)) as never,
  };
  return line;
}

const leaseOf = (kube: FakeKube) => kube.all(leases)[0];

describe('leader election', () => {
  test('lets one lead, and the other as soon as the first gives its lease back', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const a = candidate(kube, 'a', clock);
    await settle();
    const b = candidate(kube, 'bb', clock);
    await pass(clock, 60_000);
    expect([a.leading, b.leading]).toEqual([true, false]);
    expect(a.lead?.fencing()).toBe(1);
    a.stop.abort();
    await settle();
    expect(a.ended).toBe('released');
    expect(leaseOf(kube)?.spec?.holderIdentity).toBe('');
    await pass(clock, 3_000);
    expect(b.leading).toBe(true);
    expect(b.lead?.fencing()).toBe(2);
    b.stop.abort();
    await settle();
  });

  test('judges a lease by how long it saw it unchanged, so that wrong clocks do no harm', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const a = candidate(kube, 'a', skewed(clock, -3_600_000));
    await settle();
    const b = candidate(kube, 'bb', skewed(clock, 3_600_000));
    let both = false;
    for (let round = 0; round < 60; round++) {
      await pass(clock, 1_000);
      both ||= a.leading && b.leading;
    }
    expect([a.leading, b.leading, both]).toEqual([true, false, false]);
    for (const one of [a, b]) one.stop.abort();
    await settle();
  });

  test('takes over from one that vanished, after its lease has run out', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const line = cutOff(kube);
    const a = candidate(line.api, 'a', clock);
    await settle();
    const b = candidate(kube, 'bb', clock);
    await pass(clock, 5_000);
    line.cut = true;
    const cutMs = clock.nowMs();
    let lostMs = 0;
    let wonMs = 0;
    while (wonMs === 0 && clock.nowMs() < cutMs + 60_000) {
      await pass(clock, 250);
      if (!a.leading && lostMs === 0) lostMs = clock.nowMs() - cutMs;
      if (b.leading) wonMs = clock.nowMs() - cutMs;
    }
    expect(a.ended).toBe('lost');
    expect(lostMs).toBeLessThanOrEqual(10_250);
    expect(wonMs).toBeGreaterThan(lostMs);
    expect(wonMs).toBeLessThan(20_000);
    expect(b.lead?.fencing()).toBe(2);
    b.stop.abort();
    await settle();
  });

  test('never has two leaders, however often their lines are cut', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const random = createSeededRandom(7);
    const lines = [cutOff(kube), cutOff(kube)];
    let names = 0;
    const join = (index: number): Candidate =>
      candidate(lines[index]!.api, `c${index}-${++names}`, skewed(clock, index * 7e6));
    const candidates = [join(0), join(1)];
    let fencing = 0;
    for (let round = 0; round < 400; round++) {
      for (const line of lines) if (random.number() < 0.1) line.cut = !line.cut;
      await pass(clock, 1_000);
      expect(candidates.filter(({ leading }) => leading).length).toBeLessThanOrEqual(1);
      for (const { leading, lead } of candidates) {
        if (!leading) continue;
        expect(lead!.fencing()).toBeGreaterThanOrEqual(fencing);
        fencing = lead!.fencing();
      }
      candidates.forEach(({ ended }, index) => {
        if (ended !== undefined) candidates[index] = join(index);
      });
    }
    expect(fencing).toBeGreaterThan(5);
    for (const one of candidates) one.stop.abort();
    for (const line of lines) line.cut = false;
    await pass(clock, 5_000);
  });

  test('writes times that API servers take', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const a = candidate(kube, 'a', clock);
    await settle();
    expect(leaseOf(kube)?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    a.stop.abort();
    await settle();
  });

  test('raises its number above one that somebody knows', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const a = candidate(kube, 'a', clock);
    await settle();
    await a.lead?.raise(41);
    expect(a.lead?.fencing()).toBe(42);
    await pass(clock, 10_000);
    expect(a.lead?.fencing()).toBe(42);
    a.stop.abort();
    await settle();
  });

  test('raises it once an hour, not far, and not above what a lease may hold', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const a = candidate(kube, 'a', clock);
    await settle();
    expect(a.lead?.fencingLimit()).toBe(10_001);
    for (const above of [10_001, 2_147_483_647, Number.MAX_SAFE_INTEGER]) await a.lead?.raise(above);
    expect(a.lead?.fencing()).toBe(1);
    await a.lead?.raise(41);
    await a.lead?.raise(50);
    expect([a.lead?.fencing(), a.lead?.fencingLimit()]).toEqual([42, 42]);
    await pass(clock, 3_600_000, 2_000);
    await a.lead?.raise(50);
    expect(a.lead?.fencing()).toBe(51);
    a.stop.abort();
    await settle();
  }, 120_000);

  test('leads where somebody has used up the numbers of the lease, and takes the floor that a person sets', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const key = { namespace: 'n', name: 'l' };
    await kube.create(leases, {
      metadata: key,
      spec: { holderIdentity: '', leaseTransitions: 2_147_483_647 },
    });
    const a = candidate(kube, 'a', clock);
    await settle();
    expect(a.lead?.fencing()).toBe(1);
    await kube.patch(leases, key, { metadata: { annotations: { 'panelet.dev/fencing-floor': '500000' } } });
    await pass(clock, 10_000);
    expect(a.lead?.fencing()).toBe(500_000);
    a.stop.abort();
    await settle();
  });

  test('ends without having led when it is stopped first', async () => {
    const clock = createFakeClock();
    const kube = createFakeKube(clock);
    const a = candidate(kube, 'a', clock);
    await settle();
    const b = candidate(kube, 'bb', clock);
    await pass(clock, 1_000);
    b.stop.abort();
    await settle();
    expect(b.ended).toBe('never led');
    a.stop.abort();
    await settle();
  });
});
