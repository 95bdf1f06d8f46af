import { beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';

import type { KubeObject } from '#kube/objects.js';
import type { SubjectAccessReview, TokenReview } from '#kube/review-objects.js';
import { createMetricsAccess } from './metrics-access.js';

let clock: FakeClock;
let kube: FakeKube;
let asked: KubeObject[];
let access: ReturnType<typeof createMetricsAccess>;
let allowed: boolean;

beforeEach(() => {
  clock = createFakeClock();
  kube = createFakeKube(clock);
  asked = [];
  allowed = true;
  kube.create = (resource, object) => {
    asked.push(object);
    if (resource.plural === 'subjectaccessreviews') return Promise.resolve({ ...object, status: { allowed } });
    const { token } = (object as unknown as TokenReview).spec;
    const user = { username: 'prometheus', groups: ['g'], extra: { k: ['v'] } };
    return Promise.resolve({ ...object, status: token === 'good' ? { authenticated: true, user } : {} });
  };
  access = createMetricsAccess({ api: kube, clock });
});

describe('who may read metrics', () => {
  test('is whoever may get /metrics, asked with all that is known of the user', async () => {
    expect(await access('Bearer good')).toBe('allowed');
    expect((asked[1] as SubjectAccessReview).spec).toEqual({
      user: 'prometheus',
      groups: ['g'],
      extra: { k: ['v'] },
      nonResourceAttributes: { path: '/metrics', verb: 'get' },
    });
  });

  test('is nobody without a token that the API server knows', async () => {
    expect(await access(undefined)).toBe('unauthenticated');
    expect(await access('Basic good')).toBe('unauthenticated');
    expect(asked).toEqual([]);
    expect(await access('Bearer bad')).toBe('unauthenticated');
  });

  test('is remembered for a minute, a refusal for ten seconds', async () => {
    await access('Bearer good');
    allowed = false;
    clock.advance(59_000);
    expect(await access('Bearer good')).toBe('allowed');
    clock.advance(1_000);
    expect(await access('Bearer good')).toBe('forbidden');
    allowed = true;
    clock.advance(9_000);
    expect(await access('Bearer good')).toBe('forbidden');
    clock.advance(1_000);
    expect(await access('Bearer good')).toBe('allowed');
  });

  test('is not decided while the API server cannot be asked', async () => {
    kube.create = () => Promise.reject(new PaneletError('API_UNAVAILABLE', 'away'));
    expect(await access('Bearer good')).toBe('unavailable');
  });

  test('is remembered of so many only', async () => {
    await access('Bearer good');
    for (let index = 0; index < 64; index++) await access(`Bearer bad${index}`);
    const before = asked.length;
    await access('Bearer good');
    expect(asked.length).toBe(before + 2);
  });
});
