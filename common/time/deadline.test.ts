import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from './clock.js';
import { linkSignals, withDeadline } from './deadline.js';

const never = (): Promise<never> => new Promise(() => undefined);
const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('a deadline', () => {
  test('gives what the work comes to, and leaves no timer and no listener', async () => {
    const clock = createFakeClock();
    const gone = new AbortController();
    let seen: AbortSignal | undefined;
    const result = await withDeadline({ clock, limitMs: 10, signals: [gone.signal, undefined] }, (signal) => {
      seen = signal;
      return Promise.resolve('done');
    });
    expect(result).toBe('done');
    expect(clock.pending()).toBe(0);
    expect(listenersOf(gone.signal)).toBe(0);
    gone.abort(new Error('gone'));
    expect(seen?.aborted).toBe(false);
  });

  test('ends work that does not heed its signal, with the error of the deadline', async () => {
    const clock = createFakeClock();
    const gone = new AbortController();
    let seen: AbortSignal | undefined;
    const work = withDeadline(
      { clock, limitMs: 10, signals: [gone.signal], error: () => new Error('late') },
      (signal) => {
        seen = signal;
        return never();
      },
    );
    clock.advance(10);
    await expect(work).rejects.toThrow('late');
    expect(seen?.reason).toEqual(new Error('late'));
    expect(listenersOf(gone.signal)).toBe(0);
  });

  test('ends with the reason of the signal that aborts', async () => {
    const clock = createFakeClock();
    const gone = new AbortController();
    const work = withDeadline({ clock, limitMs: 10, signals: [gone.signal] }, never);
    gone.abort(new Error('gone'));
    await expect(work).rejects.toThrow('gone');
    expect(clock.pending()).toBe(0);
  });

  test('does not begin when a signal has aborted already', async () => {
    const clock = createFakeClock();
    let begun = false;
    const work = withDeadline({ clock, limitMs: 10, signals: [AbortSignal.abort(new Error('gone'))] }, () => {
      begun = true;
      return never();
    });
    await expect(work).rejects.toThrow('gone');
    expect(begun).toBe(false);
    expect(clock.pending()).toBe(0);
  });

  test('leaves nothing behind when the work throws', async () => {
    const clock = createFakeClock();
    const gone = new AbortController();
    const work = withDeadline({ clock, limitMs: 10, signals: [gone.signal] }, () =>
      Promise.reject(new Error('broken')),
    );
    await expect(work).rejects.toThrow('broken');
    expect(clock.pending()).toBe(0);
    expect(listenersOf(gone.signal)).toBe(0);
  });
});

describe('linked signals', () => {
  test('follow the first that aborts, also one that has', () => {
    const first = new AbortController();
    const second = new AbortController();
    const { signal, unlink } = linkSignals([first.signal, second.signal]);
    second.abort(new Error('second'));
    first.abort(new Error('first'));
    expect(signal.reason).toEqual(new Error('second'));
    unlink();
    expect(linkSignals([undefined, AbortSignal.abort(new Error('before'))]).signal.reason).toEqual(new Error('before'));
  });

  test('follow nobody once unlinked', () => {
    const first = new AbortController();
    const { signal, unlink } = linkSignals([first.signal]);
    unlink();
    first.abort();
    expect(signal.aborted).toBe(false);
    expect(listenersOf(first.signal)).toBe(0);
  });
});
