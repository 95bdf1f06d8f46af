import { describe, expect, test } from '@jest/globals';
import type { PaneletSession, SessionEnd, SessionItem } from '#client/sdk.js';
import { createFakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { tapSession } from './session-tap.js';
import { startTimeline } from './timeline.js';

type Listener = (event: unknown) => void;

const data = (text: string): SessionItem => ({
  ...{ kind: 'data', seq: 1, channel: 'stdout' },
  payload: Buffer.from(text),
});
const loss = { kind: 'lost', loss: {} } as SessionItem;

/** A session whose output is known beforehand. */
function fakeSession(items: readonly SessionItem[]) {
  const listeners = new Map<string, Listener>();
  const closed = createLatch<SessionEnd>();
  const session = {
    closed: closed.promise,
    write: () => Promise.resolve(),
    on: (name: string, listener: Listener) => {
      listeners.set(name, listener);
      return () => undefined;
    },
    async *[Symbol.asyncIterator]() {
      yield* await Promise.resolve(items);
    },
  };
  return {
    session: session as unknown as PaneletSession,
    emit: (name: string, event: unknown) => listeners.get(name)?.(event),
    fail: (error: PaneletError) => closed.resolve({ kind: 'failed', error }),
  };
}

function tap(items: readonly SessionItem[], mirrored = true) {
  const clock = createFakeClock();
  const fake = fakeSession(items);
  const tapped = tapSession(fake.session, { timeline: startTimeline(clock), mirrored });
  const read = async (): Promise<string[]> => {
    const kinds: string[] = [];
    for await (const { kind } of tapped.session) kinds.push(kind);
    return kinds;
  };
  return { ...fake, clock, tapped, read };
}

describe('a session that is listened to', () => {
  test('is read up to the first loss and no further', async () => {
    const { tapped, read } = tap([data('ab'), loss, data('zz')]);
    await tapped.session.write('abcd');
    expect(await read()).toEqual(['data']);
    expect(tapped.deviation).toBeUndefined();
  });

  test('compares what comes back with what was sent', async () => {
    const { tapped, read } = tap([data('ab'), data('xd')]);
    await tapped.session.write('abcd');
    await read();
    expect(tapped.deviation).toContain('between bytes 2 and 4');
  });

  test('keeps the moment and the words of the first loss', async () => {
    const { clock, tapped, emit } = tap([]);
    clock.advance(70);
    emit('lost', { ranges: [] });
    clock.advance(70);
    emit('lost', { ranges: ['later'] });
    await tapped.lost;
    expect(tapped.toldMs).toBe(70);
    expect(tapped.told.loss).toBe('lost {"ranges":[]}');
  });

  test('takes an exit for a loss, unless it is expected', async () => {
    const exit = (code: number): SessionItem => ({ kind: 'exit', seq: 1, code, signal: undefined });
    const sudden = tap([exit(0)], false);
    await sudden.read();
    expect(sudden.tapped.told.loss).toBe('exit 0');
    const expected = tap([exit(0)], false);
    expected.tapped.expectEnd();
    await expected.read();
    expect(expected.tapped.told.loss).toBeUndefined();
    const bad = tap([exit(137)], false);
    bad.tapped.expectEnd();
    await bad.read();
    expect(bad.tapped.told.loss).toBe('exit 137');
  });

  test('takes only an end with a telling error for told', async () => {
    const told = tap([]);
    told.fail(new PaneletError('SESSION_UNKNOWN', 'No such session.'));
    await told.tapped.lost;
    expect(told.tapped.told.loss).toContain('No such session.');
    const mute = tap([]);
    mute.fail(new PaneletError('TRANSPORT_LOST', 'No connection.'));
    await mute.tapped.lost;
    expect(mute.tapped.told.loss).toBeUndefined();
  });

  test('knows from when to when there was no attachment', () => {
    const { clock, tapped, emit } = tap([]);
    clock.advance(500);
    emit('resumed', { gapMs: 120 });
    expect(tapped.gaps).toEqual([{ fromMs: 380, toMs: 500 }]);
  });
});
