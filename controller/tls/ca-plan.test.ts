import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { Authority } from './authority.js';
import { bundleOf, planCa, type CaRecord, type CaTimes } from './ca-plan.js';

const times: CaTimes = { authorityMs: 1000, renewBeforeMs: 200, publishMs: 10, keepPreviousMs: 30 };
const authority = (name: string, notAfterMs: number): Authority => ({
  ...{ certificate: name, key: 'k', notBeforeMs: 0, notAfterMs },
});
const active = authority('a', 1000);
const next = authority('n', 2000);

describe('the life of the certificate authority', () => {
  test.each<[string, CaRecord, number, object]>([
    ['makes one when there is none', {}, 0, { kind: 'create' }],
    ['keeps a young one until its renewal', { active }, 5, { kind: 'keep', untilMs: 800 }],
    ['announces the next one before the end', { active }, 800, { kind: 'announce', why: 'expires' }],
    ['announces the next one when asked', { active, asked: '1' }, 5, { kind: 'announce', why: 'asked' }],
    ['hears a value once', { active, asked: '1', observed: '1' }, 5, { kind: 'keep', untilMs: 800 }],
    ['takes an emptied value for none', { active, asked: '' }, 5, { kind: 'keep', untilMs: 800 }],
    ['writes down that the bundle is out', { active, next }, 5, { kind: 'publish' }],
    ['waits while the bundle travels', { active, next, publishedMs: 5 }, 14, { kind: 'keep', untilMs: 15 }],
    ['then lets the next one sign', { active, next, publishedMs: 5 }, 15, { kind: 'switch' }],
    ['keeps the previous one', { active, previous: 'p', switchedMs: 5 }, 34, { kind: 'keep', untilMs: 35 }],
    ['retires the previous one', { active, previous: 'p', switchedMs: 5 }, 35, { kind: 'retire' }],
    [
      'begins no rotation during another',
      { active, previous: 'p', switchedMs: 5, asked: '2' },
      6,
      { kind: 'keep', untilMs: 35 },
    ],
    ['makes another one in the place of an expired one', { active }, 1000, { kind: 'create' }],
    ['does not wait with the next one when the other has expired', { active, next }, 1000, { kind: 'switch' }],
  ])('%s', (_name, record, nowMs, expected) => {
    expect(planCa(record, nowMs, times)).toEqual(expected);
  });

  test('never lets one sign that has not been trusted by everybody for the time set, and never drops one too early', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(40), fc.constant('ask' as const)), { maxLength: 200 }), (events) => {
        let record: CaRecord = {};
        let nowMs = 0;
        let asked = 0;
        let made = 0;
        const trustedSince = new Map<string, number>();
        const signedUntil = new Map<string, number>();
        for (const event of events) {
          if (event === 'ask') record = { ...record, asked: String(++asked) };
          else nowMs += event;
          for (let count = 0; ; count++) {
            expect(count).toBeLessThan(8);
            const bundle = [record.active, record.next].flatMap((one) => one?.certificate ?? []);
            if (record.previous !== undefined) bundle.push(record.previous);
            for (const name of bundle) if (!trustedSince.has(name)) trustedSince.set(name, nowMs);
            const step = planCa(record, nowMs, times);
            if (step.kind === 'keep') {
              expect(step.untilMs).toBeGreaterThan(nowMs);
              break;
            }
            const before = record.active;
            if (before !== undefined) signedUntil.set(before.certificate, nowMs);
            const { asked: a, observed: o } = record;
            const same = { ...(a === undefined ? {} : { asked: a }), ...(o === undefined ? {} : { observed: o }) };
            const heard = a === undefined ? {} : { observed: a };
            const fresh = (): Authority => authority(`c${++made}`, nowMs + times.authorityMs);
            if (step.kind === 'create') record = { ...same, ...heard, active: fresh() };
            else if (step.kind === 'announce') record = { ...record, ...heard, next: fresh() };
            else if (step.kind === 'publish') record = { ...record, publishedMs: nowMs };
            else if (step.kind === 'switch') {
              const since = trustedSince.get(record.next!.certificate)!;
              if (nowMs < before!.notAfterMs) expect(nowMs - since).toBeGreaterThanOrEqual(times.publishMs);
              record = { ...same, active: record.next!, previous: before!.certificate, switchedMs: nowMs };
            } else {
              expect(nowMs - signedUntil.get(record.previous!)!).toBeGreaterThanOrEqual(0);
              expect(nowMs - record.switchedMs!).toBeGreaterThanOrEqual(times.keepPreviousMs);
              record = { ...same, active: record.active! };
            }
          }
        }
      }),
    );
  });

  test('trusts everything that signs, has signed or will sign, each once', () => {
    expect(bundleOf({ active, next, previous: 'p' })).toBe('a\nn\np\n');
    expect(bundleOf({ active, previous: 'a' })).toBe('a\n');
    expect(bundleOf({})).toBe('');
  });
});
