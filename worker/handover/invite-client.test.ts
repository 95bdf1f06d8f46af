import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import { settle } from '#test/support/settle.js';
import type { Reattach } from '#proto/session/v1/session.js';
import { inviteClient, type Invitation } from './invite-client.js';

let clock: FakeClock;
let drain: AbortController;
let mayMove: boolean;
let begun: Latch<void>;
let waiting: Latch<void>;
let left: Latch<void>;
let reattach: Reattach | undefined;
let done: string[];

function invite(): Invitation {
  const driver = {
    record: { id: 's' },
    get mayMove() {
      return mayMove;
    },
    askToMove: (move: unknown) => {
      done.push(`asked ${JSON.stringify(move)}`);
      return left.promise;
    },
  };
  const peer = {
    expect: (sessionId: string, signal: AbortSignal) => {
      done.push(`expects ${sessionId}`);
      signal.addEventListener('abort', () => done.push('expects nobody'));
      return { begun: begun.promise, waiting: waiting.promise };
    },
  };
  const invitation = inviteClient({ driver: driver as never, peer, reattach, clock, signal: drain.signal });
  void invitation.answered.then(() => done.push('answered'));
  return invitation;
}

beforeEach(() => {
  clock = createFakeClock();
  drain = new AbortController();
  mayMove = true;
  reattach = undefined;
  [begun, waiting, left] = [createLatch(), createLatch(), createLatch()];
  done = [];
});

describe('a client that is asked to come along', () => {
  const asked = 'asked {"within":{"seconds":1,"nanos":0}}';

  test('is asked once it is expected, and has answered when it waits; it is expected until the end', async () => {
    const invitation = invite();
    await settle();
    expect(done).toEqual(['expects s']);
    begun.resolve();
    await settle();
    expect(done).toEqual(['expects s', asked]);
    waiting.resolve();
    await settle();
    expect(done).toEqual(['expects s', asked, 'answered']);
    invitation.end();
    expect(done.at(-1)).toBe('expects nobody');
  });

  test('is not expected where it cannot be asked', async () => {
    mayMove = false;
    invite();
    await settle();
    expect(done).toEqual(['answered']);
  });

  test.each([
    ['it leaves', () => left.resolve()],
    ['the drain goes on', () => drain.abort(new Error('It goes on.'))],
    ['a second has passed', () => clock.advance(1_000)],
  ])('is waited for until %s', async (_until, happen) => {
    invite();
    begun.resolve();
    await settle();
    clock.advance(999);
    await settle();
    expect(done).toEqual(['expects s', asked]);
    happen();
    await settle();
    expect(done).toEqual(['expects s', asked, 'answered']);
  });

  test('is asked to come over another agent where its own goes, and gets longer for that', async () => {
    reattach = { pod: 'beside', uid: 'uid-2', address: '10.0.0.2:7443' };
    invite();
    begun.resolve();
    clock.advance(2_999);
    await settle();
    expect(done).toEqual(['expects s', `asked ${JSON.stringify({ reattach, within: { seconds: 3, nanos: 0 } })}`]);
    clock.advance(1);
    await settle();
    expect(done.at(-1)).toBe('answered');
  });

  test('is not asked by a worker beside which an instance of another release is, nor after its time', async () => {
    invite();
    begun.reject(new Error('UNIMPLEMENTED'));
    await settle();
    expect(done).toEqual(['expects s', 'answered']);
    begun = createLatch();
    invite();
    clock.advance(1_000);
    await settle();
    begun.resolve();
    await settle();
    expect(done.slice(2)).toEqual(['expects s', 'answered']);
  });
});
