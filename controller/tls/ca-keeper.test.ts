import { X509Certificate } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';
import { waitFor } from '#test/support/wait-for.js';

import { configMaps, secrets, type Secret } from '#kube/certificate-objects.js';
import { createCaKeeper, type CaKeeper } from './ca-keeper.js';
import { publishedAnnotation, rotateAnnotation } from './ca-secret.js';
import { defaultCaTimes } from './ca-plan.js';

const key = { namespace: 'n', name: 'panelet-ca' };

let clock: FakeClock;
let kube: FakeKube;
let stop: AbortController;
const running: Promise<void>[] = [];

beforeEach(() => {
  clock = createFakeClock();
  clock.advance(1_700_000_000_000);
  kube = createFakeKube(clock);
  kube.put(secrets, { metadata: key });
  kube.put(configMaps, { metadata: key });
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await Promise.all(running.splice(0));
});

const until = (what: string, condition: () => boolean | Promise<boolean>): Promise<void> =>
  waitFor(what, condition, 5_000);

function keeper(): CaKeeper {
  const deps = { api: kube, secret: key, configMap: key, times: defaultCaTimes, clock, log: createSilentLog() };
  return createCaKeeper({ ...deps, random: createSeededRandom(1) });
}

function lead(ca: CaKeeper, onReady = (): void => undefined): void {
  running.push(ca.lead(stop.signal, onReady));
}

const bundle = async (): Promise<string> => (await kube.get(configMaps, key)).data?.['ca.crt'] ?? '';
const certificates = async (): Promise<number> => (await bundle()).split('BEGIN CERTIFICATE').length - 1;
const secret = (): Promise<Secret> => kube.get(secrets, key);

describe('keeper of the certificate authority', () => {
  test('makes an authority, publishes it, and only then is ready to sign', async () => {
    const ca = keeper();
    let readyBundle = '';
    const ready = new Promise<void>((resolve) => {
      lead(ca, () => void bundle().then((text) => resolve(void (readyBundle = text))));
    });
    await ready;
    expect(readyBundle).toBe(`${ca.current()!.active.certificate.trim()}\n`);
    const parsed = new X509Certificate(ca.current()!.active.certificate);
    expect(parsed.ca).toBe(true);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    const years = (ca.current()!.active.notAfterMs - clock.date().getTime()) / (365 * 86_400_000);
    expect(Math.round(years)).toBe(10);
  });

  test('rotates when asked, with both trusted before and after, and drops the old one in the end', async () => {
    const ca = keeper();
    lead(ca);
    await until('an authority', () => ca.current() !== undefined);
    const first = ca.current()!.active.certificate;
    kube.mutate(secrets, key, (object) => ({
      ...object,
      metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [rotateAnnotation]: '1' } },
    }));
    await until('a timer', () => clock.pending() === 1);
    clock.advance(60_000);
    await until('two certificates', async () => (await certificates()) === 2);
    expect(ca.current()!.active.certificate).toBe(first);
    await until(
      'the date of publication',
      async () => (await secret()).metadata.annotations?.[publishedAnnotation] !== undefined,
    );
    for (let minute = 0; minute < 61; minute++) {
      await until('a timer', () => clock.pending() === 1);
      clock.advance(60_000);
    }
    await until('the switch', () => ca.current()!.active.certificate !== first);
    expect(await certificates()).toBe(2);
    expect(await bundle()).toContain(first.trim());
    await until('a timer', () => clock.pending() === 1);
    clock.advance(defaultCaTimes.keepPreviousMs);
    await until('one certificate', async () => (await certificates()) === 1);
    expect(await bundle()).not.toContain(first.trim());
    expect(Object.keys((await secret()).data ?? {}).sort()).toEqual(['ca.crt', 'ca.key']);
  });

  test('two that lead at once agree on one authority', async () => {
    const both = [keeper(), keeper()];
    for (const ca of both) lead(ca);
    await until('both to know it', () => {
      if (clock.pending() > 0) clock.advance(1_000);
      return both.every((ca) => ca.current() !== undefined);
    });
    await until('agreement', async () => {
      clock.advance(60_000);
      return (
        both.every((ca) => ca.current()!.bundle === ca.current()!.active.certificate.trim() + '\n') &&
        (await certificates()) === 1
      );
    });
    expect(both[0]!.current()!.active.certificate).toBe(both[1]!.current()!.active.certificate);
  });

  test('puts a bundle right that somebody changed', async () => {
    const ca = keeper();
    lead(ca);
    await until('an authority', () => ca.current() !== undefined && clock.pending() === 1);
    kube.mutate(configMaps, key, (object) => ({ ...object, data: { 'ca.crt': 'nothing' } }));
    clock.advance(60_000);
    await until('the bundle', async () => (await bundle()) === ca.current()!.bundle);
  });

  test('never replaces an authority that it cannot read', async () => {
    const damaged = { 'ca.crt': Buffer.from('x').toString('base64'), 'ca.key': Buffer.from('y').toString('base64') };
    kube.mutate(secrets, key, (object) => ({ ...object, data: damaged }));
    const ca = keeper();
    lead(ca);
    await until('a timer', () => clock.pending() === 1);
    expect(ca.current()).toBeUndefined();
    expect((await secret()).data).toEqual(damaged);
    expect(kube.writes).toEqual([]);
  });

  test('one that only follows reads what the leader made, and writes nothing', async () => {
    const [leader, follower] = [keeper(), keeper()];
    running.push(follower.follow(stop.signal));
    await until('a timer', () => clock.pending() === 1);
    expect(kube.writes).toEqual([]);
    lead(leader);
    await until('an authority', () => leader.current() !== undefined && clock.pending() === 2);
    clock.advance(2_000);
    await until('the follower', () => follower.current() !== undefined);
    expect(follower.current()).toEqual(leader.current());
  });
});
