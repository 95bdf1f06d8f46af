import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import type { PaneletSession, SessionItem } from '#client/session/panelet-session.js';
import { createSessionEmitter, type SessionEmitter } from '#client/session/session-events.js';
import { settle, turn } from '#test/support/settle.js';
import type { SessionOutcome } from '../../cli/session/read-output.js';
import type { ViewNews } from '../wire/session.js';
import { windowBytes } from './output-log.js';
import { keptMs, mostBehindBytes, SharedSession, type ViewHandle } from './shared-session.js';

/** A session whose output a test writes. */
class WrittenSession {
  readonly emitter: SessionEmitter = createSessionEmitter((error) => {
    throw error;
  });
  readonly on: SessionEmitter['on'] = (name, listener) => this.emitter.on(name, listener);
  readonly sessionId = 's-1';
  readonly phase = 'attached';
  readonly #items: (SessionItem | undefined)[] = [];
  #wake: () => void = () => undefined;
  read = 0;
  detached = 0;

  put(...items: (SessionItem | undefined)[]): void {
    this.#items.push(...items);
    this.#wake();
  }

  text(text: string): void {
    this.put({ kind: 'data', seq: 0, channel: 'stdout', payload: Buffer.from(text) });
  }

  detach(): Promise<void> {
    this.detached += 1;
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SessionItem, void> {
    for (;;) {
      while (this.#items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      const item = this.#items.shift();
      if (item === undefined) return;
      if (item.kind === 'data') this.read += item.payload.length;
      yield item;
    }
  }
}

/** A view that notes what it is sent. */
class NotedView {
  text = '';
  readonly said: ViewNews[] = [];
  readonly #handle: ViewHandle;

  constructor(shared: SharedSession) {
    this.#handle = shared.attach({
      news: (news) => this.said.push(news),
      bytes: (bytes) => (this.text += Buffer.from(bytes).toString()),
    });
  }

  show(count = this.text.length): void {
    this.#handle.shown(count);
  }

  leave(): void {
    this.#handle.leave();
  }

  kinds(): readonly string[] {
    return this.said.map(({ kind }) => kind);
  }
}

const piece = 'x'.repeat(32 * 1024);
const whole = 8 * 1024 * 1024;

describe('a session of the board', () => {
  let clock: FakeClock;
  let session: WrittenSession;
  let shared: SharedSession;
  let over: (SessionOutcome | 'left')[];

  beforeEach(() => {
    clock = createFakeClock();
    session = new WrittenSession();
    over = [];
    shared = new SharedSession({
      session: session as unknown as PaneletSession,
      node: 'node-a',
      clock,
      onOver: (outcome) => over.push(outcome),
    });
  });

  const write = (): void => {
    for (let at = 0; at < whole / piece.length; at++) session.text(piece);
  };

  test('sends a view a window more than it shows, and reads a mebibyte further', async () => {
    const view = new NotedView(shared);
    write();
    await settle();
    expect(view.text).toHaveLength(windowBytes);
    expect(session.read).toBeLessThanOrEqual(windowBytes + mostBehindBytes + piece.length);
    expect(shared.heldBytes).toBeLessThanOrEqual(windowBytes + mostBehindBytes + piece.length);
    view.show(1000);
    expect(view.text).toHaveLength(windowBytes + 1000);
  });

  test('is read to its end as fast as a view shows it', async () => {
    const view = new NotedView(shared);
    write();
    while (view.text.length < whole) {
      view.show();
      await turn();
    }
    expect(view.text).toHaveLength(whole);
    expect(shared.heldBytes).toBeLessThanOrEqual(windowBytes + mostBehindBytes + piece.length);
  });

  test('waits for a view that is a mebibyte behind another one, which loses nothing', async () => {
    const [fast, slow] = [new NotedView(shared), new NotedView(shared)];
    for (let at = 0; at < 100; at++) session.text(`${at} `.padEnd(piece.length, '.'));
    const round = async (views: readonly NotedView[]): Promise<void> => {
      for (let count = 0; count < 200; count++) {
        for (const view of views) view.show();
        await turn();
      }
    };
    await round([fast]);
    expect(slow.text).toHaveLength(windowBytes);
    expect(fast.text.length).toBeGreaterThanOrEqual(mostBehindBytes);
    expect(fast.text.length).toBeLessThanOrEqual(windowBytes + mostBehindBytes + piece.length);
    await round([fast, slow]);
    expect(slow.text).toBe(fast.text);
    expect(fast.text).toHaveLength(100 * piece.length);
  });

  test('says how much of what it sends again was seen', async () => {
    const first = new NotedView(shared);
    session.text('seen, not seen');
    await settle();
    first.show(4);
    expect(new NotedView(shared).said[0]).toMatchObject({ kind: 'opened', replayed: true, seenBytes: 4 });
  });

  test('goes on for a window without a view, and the next view gets all that nobody has seen', async () => {
    const first = new NotedView(shared);
    session.text('seen ');
    await settle();
    first.show();
    first.leave();
    write();
    await settle();
    expect(session.read).toBeGreaterThanOrEqual(windowBytes);
    expect(session.read).toBeLessThanOrEqual(windowBytes + 2 * piece.length);
    const second = new NotedView(shared);
    await settle();
    expect(second.said[0]).toEqual({ kind: 'opened', session: 's-1', node: 'node-a', replayed: true, seenBytes: 0 });
    expect(second.text).toBe('x'.repeat(windowBytes));
    expect(shared.heldBytes).toBe(session.read - 'seen '.length);
  });

  test('takes no more for shown than was sent', async () => {
    const view = new NotedView(shared);
    write();
    await settle();
    view.show(1e9);
    expect(view.text).toHaveLength(2 * windowBytes);
  });

  test('tells every view of its connection, each state once, and those who come later how it stands', () => {
    const view = new NotedView(shared);
    const away = { delayMs: 0, planned: true, error: undefined };
    session.emitter.emit('reattaching', { ...away, attempt: 1 });
    session.emitter.emit('reattaching', { ...away, attempt: 2, planned: false });
    const late = new NotedView(shared);
    session.emitter.emit('resumed', { gapMs: 12.4, attempts: 2, exact: true, incarnation: 1 });
    const reconnecting = { kind: 'state', state: 'reconnecting', text: 'agent restarting, reconnecting' };
    const gap = { kind: 'gap', ms: 12, cause: 'restart', at: '1970-01-01T00:00:00Z' };
    expect(view.said.slice(1)).toEqual([reconnecting, gap, { kind: 'state', state: 'live', text: '' }]);
    expect(late.said.slice(1)).toEqual(view.said.slice(1));
  });

  test('tells the end behind all output, and goes with its last view', async () => {
    const view = new NotedView(shared);
    session.text('x'.repeat(windowBytes + 10));
    session.put({ kind: 'exit', seq: 0, code: 3, signal: undefined }, { kind: 'fin', seq: 0 }, undefined);
    await settle();
    expect(view.kinds()).toEqual(['opened']);
    view.show();
    expect(view.said.at(-1)).toEqual({ kind: 'ended', text: 'Ended with exit code 3.', exitCode: 3 });
    expect(over).toEqual([]);
    view.leave();
    expect(over).toMatchObject([{ kind: 'exited', code: 3 }]);
    expect(clock.pending()).toBe(0);
  });

  test('is there for the page that comes back, although it has ended meanwhile', async () => {
    new NotedView(shared).leave();
    session.text('last words');
    session.put({ kind: 'fin', seq: 0 }, undefined);
    await settle();
    const back = new NotedView(shared);
    expect(back.text).toBe('last words');
    expect(back.kinds()).toEqual(['opened', 'ended']);
  });

  test('is left after a quarter of an hour without a view, and not while it has one', () => {
    const view = new NotedView(shared);
    clock.advance(2 * keptMs);
    expect(session.detached).toBe(0);
    view.leave();
    clock.advance(keptMs - 1);
    const back = new NotedView(shared);
    clock.advance(keptMs);
    expect(over).toEqual([]);
    back.leave();
    clock.advance(keptMs);
    expect(session.detached).toBe(1);
    expect(over).toEqual(['left']);
  });
});
