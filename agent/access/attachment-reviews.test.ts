import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { AttachMode } from '#proto/session/v1/session.js';
import { settle } from '#test/support/settle.js';
import type { StillAllowed } from './permissions.js';
import { createAttachmentReviews, type AttachmentReviews, type RelayedAttachment } from './attachment-reviews.js';

const everyMs = 300_000;

let clock: FakeClock;
let asked: string[];
let events: string[];
let answer: (name: string) => StillAllowed | Promise<StillAllowed>;
let revoking: (name: string) => Promise<boolean>;
let forgetting: Map<string, () => void>;
let reviews: AttachmentReviews;

function attachment(name: string): RelayedAttachment {
  return {
    caller: { name, roles: ['client'] },
    remoteAddress: '10.0.0.9',
    wish: { panel: 'echo', sessionId: name, mode: AttachMode.OPEN },
    revoke: (message) => {
      events.push(`${name} is told: ${message}`);
      return revoking(name);
    },
    cut: () => events.push(`${name} is cut`),
  };
}

/** Watches one of a user until it is told, unless the test has workers do something else. */
function add(name: string): () => void {
  const forget = reviews.expect()(attachment(name));
  forgetting.set(name, forget);
  return forget;
}

/** Lets what was asked be answered. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    clock.advance(1_000);
    await settle();
  }
}

beforeEach(() => {
  clock = createFakeClock();
  asked = [];
  events = [];
  answer = () => ({ kind: 'allowed' });
  forgetting = new Map();
  revoking = (name) => {
    forgetting.get(name)?.();
    return Promise.resolve(true);
  };
  reviews = createAttachmentReviews({
    ...{ clock, random: createSeededRandom(1), log: createSilentLog(), everyMs },
    ask: ({ caller }) => {
      asked.push(caller.name);
      return Promise.resolve(answer(caller.name));
    },
    onReviewed: (kind) => {
      if (kind === 'unavailable') events.push('nobody can say');
    },
  });
});

describe('the reviews of attachments', () => {
  test('ask about each once in five minutes, spread over them', async () => {
    for (let n = 0; n < 100; n++) add(`user-${n}`);
    await pass(60_000);
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(50);
    await pass(240_000);
    expect(new Set(asked).size).toBe(100);
    await pass(300_000);
    expect(asked).toHaveLength(200);
  });

  test('end one that is not allowed any more, and no other', async () => {
    add('alice');
    add('bob');
    answer = (name) => (name === 'bob' ? { kind: 'denied', message: 'no' } : { kind: 'allowed' });
    await pass(everyMs);
    expect(events).toEqual(['bob is told: no']);
    await pass(everyMs);
    expect(events).toEqual(['bob is told: no']);
    expect(asked.filter((name) => name === 'alice')).toHaveLength(2);
  });

  test('end nothing while nobody can say, and ask again later', async () => {
    add('alice');
    answer = () => ({ kind: 'unavailable' });
    await pass(everyMs);
    answer = () => ({ kind: 'denied', message: 'no' });
    expect(events).toEqual(['nobody can say']);
    await pass(everyMs);
    expect(events).toEqual(['nobody can say', 'alice is told: no']);
  });

  test('cut one whose worker tells it and does not end it, or cannot tell it', async () => {
    add('alice');
    add('bob');
    answer = () => ({ kind: 'denied', message: 'no' });
    revoking = (name) => (name === 'bob' ? Promise.reject(new Error('The worker hangs.')) : Promise.resolve(true));
    await pass(everyMs + 5_000);
    expect(events.filter((event) => event.includes('cut')).sort()).toEqual(['alice is cut', 'bob is cut']);
  });

  test('ask nothing about one that has ended, and nothing once they are closed', async () => {
    const forget = add('alice');
    add('bob');
    forget();
    reviews.close();
    add('carol');
    await pass(2 * everyMs);
    expect([asked, reviews.size()]).toEqual([[], 0]);
  });

  test('ask at once about those that somebody names', async () => {
    add('alice');
    add('bob');
    answer = () => ({ kind: 'denied', message: 'no' });
    reviews.reviewNow(({ caller }) => caller.name === 'bob');
    await settle();
    expect([asked, events]).toEqual([['bob'], ['bob is told: no']]);
  });

  test('tell one once, however often somebody asks for reviews meanwhile', async () => {
    const told = createLatch<boolean>();
    add('alice');
    answer = () => ({ kind: 'denied', message: 'no' });
    revoking = () => told.promise;
    for (let reload = 0; reload < 3; reload++) {
      reviews.reviewNow(() => true);
      await settle();
    }
    expect(events).toEqual(['alice is told: no']);
    // Her client takes its time for what was sent before.
    told.resolve(true);
    await pass(4_000);
    expect(events).toEqual(['alice is told: no']);
  });

  test.each([
    ['is given back', { kind: 'denied', message: 'no' }, { kind: 'allowed' }, []],
    ['is taken', { kind: 'allowed' }, { kind: 'denied', message: 'no' }, ['alice is told: no']],
  ] as const)('ask again when a right %s while a question is under way', async (_what, before, after, expected) => {
    const old = createLatch<StillAllowed>();
    add('alice');
    answer = () => old.promise;
    reviews.reviewNow(() => true);
    answer = () => after;
    reviews.reviewNow(() => true);
    old.resolve(before);
    await settle();
    expect([asked, events]).toEqual([['alice', 'alice'], expected]);
  });

  test('ask at once about one that somebody would have asked about, had it been there', async () => {
    const [early, late] = [reviews.expect(), reviews.expect()];
    answer = () => ({ kind: 'denied', message: 'no' });
    early(attachment('alice'));
    reviews.reviewNow(({ caller }) => caller.name === 'bob');
    late(attachment('bob'));
    reviews.expect()(attachment('carol'));
    await settle();
    expect([asked, events]).toEqual([['bob'], ['bob is told: no']]);
  });

  test('do not cut one that its worker does not know: it is ending already', async () => {
    const forget = add('alice');
    answer = () => ({ kind: 'denied', message: 'no' });
    revoking = () => Promise.resolve(false);
    reviews.reviewNow(() => true);
    await pass(2_000);
    expect(events.some((event) => event.includes('cut'))).toBe(false);
    forget();
    await pass(10_000);
    expect(events.some((event) => event.includes('cut'))).toBe(false);
  });

  test('tell one that its worker had not heard of yet, and cut one that it never hears of', async () => {
    add('alice');
    add('bob');
    answer = () => ({ kind: 'denied', message: 'no' });
    let tries = 0;
    revoking = (name) => {
      if (name === 'bob' || ++tries < 2) return Promise.resolve(false);
      forgetting.get(name)?.();
      return Promise.resolve(true);
    };
    reviews.reviewNow(() => true);
    await pass(10_000);
    expect(events.filter((event) => event.startsWith('alice'))).toEqual(['alice is told: no', 'alice is told: no']);
    expect(events.filter((event) => event.includes('cut'))).toEqual(['bob is cut']);
  });
});
