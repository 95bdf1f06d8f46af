import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { AttachMode } from '#proto/session/v1/session.js';
import type { StillAllowed } from '../access/permissions.js';
import { createAttachmentReviews, type AttachmentReviews, type RelayedAttachment } from './attachment-reviews.js';

const everyMs = 300_000;

let clock: FakeClock;
let asked: string[];
let events: string[];
let answer: (name: string) => StillAllowed;
let revoking: (name: string) => Promise<void>;
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
  const forget = reviews.add(attachment(name));
  forgetting.set(name, forget);
  return forget;
}

/** Lets what was asked be answered. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

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
    return Promise.resolve();
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
    revoking = (name) => (name === 'bob' ? Promise.reject(new Error('The worker hangs.')) : Promise.resolve());
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
});
