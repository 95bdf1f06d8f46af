import { describe, expect, test } from '@jest/globals';
import { createLatch } from '#common/time/latch.js';
import { turn } from '#test/support/settle.js';
import { ExpectedSessions } from './expected-sessions.js';

const never = createLatch().promise;

function waitIn(expected: ExpectedSessions, left: Promise<unknown> = never): { readonly done: () => Promise<boolean> } {
  let isDone = false;
  void expected.wait('s', left).then(() => (isDone = true));
  return { done: () => turn().then(() => isDone) };
}

describe('sessions that another instance is about to give', () => {
  test('keep nobody who comes for one that is not expected', async () => {
    const expected = new ExpectedSessions();
    expected.expect('another', () => undefined);
    expect(await waitIn(expected).done()).toBe(true);
  });

  test.each([
    ['is here', (expected: ExpectedSessions) => expected.settle('s')],
    ['does not come', (_expected: ExpectedSessions, end: () => void) => end()],
  ])('keep who comes until the session %s, and tell of everybody who waits', async (_how, decide) => {
    const expected = new ExpectedSessions();
    let waiting = 0;
    const end = expected.expect('s', () => (waiting += 1));
    const clients = [waitIn(expected), waitIn(expected)];
    expect([await clients[0]?.done(), await clients[1]?.done(), waiting, expected.has('s')]).toEqual([
      false,
      false,
      2,
      true,
    ]);
    decide(expected, end);
    expect([await clients[0]?.done(), await clients[1]?.done(), expected.has('s')]).toEqual([true, true, false]);
    expect(await waitIn(expected).done()).toBe(true);
  });

  test('let go who has left', async () => {
    const expected = new ExpectedSessions();
    expected.expect('s', () => undefined);
    expect(await waitIn(expected, Promise.resolve()).done()).toBe(true);
  });

  test('are expected anew by whoever gives them again; what came before is over, and ends nothing any more', async () => {
    const expected = new ExpectedSessions();
    const endFirst = expected.expect('s', () => undefined);
    const first = waitIn(expected);
    expected.expect('s', () => undefined);
    expect(await first.done()).toBe(true);
    const second = waitIn(expected);
    endFirst();
    expect([await second.done(), expected.has('s')]).toEqual([false, true]);
  });
});
