import { describe, expect, test } from '@jest/globals';
import { socketAfter, type SocketEvent, type SocketLife } from './socket-life.js';

const lost: SocketEvent = { kind: 'closed', isRefusal: false };
const through = (...events: readonly SocketEvent[]) => {
  let life: SocketLife = { is: 'connecting', tries: 0 };
  const done: string[] = [];
  for (const event of events) {
    const next = socketAfter(life, event);
    life = next.life;
    done.push(...next.effects);
  }
  return { life, done };
};

describe('a connection to the server', () => {
  test('is live once something is said, and only then are waits short again', () => {
    expect(through({ kind: 'message' }, { kind: 'message' })).toEqual({
      life: { is: 'live' },
      done: ['reset-backoff'],
    });
  });

  test('that is lost is tried again after a wait, as often as it takes', () => {
    expect(through({ kind: 'message' }, lost, { kind: 'due' }, lost, { kind: 'due' })).toEqual({
      life: { is: 'connecting', tries: 2 },
      done: ['reset-backoff', 'wait', 'connect', 'wait', 'connect'],
    });
  });

  test('is not tried twice at once', () => {
    expect(through(lost, lost, { kind: 'due' }, { kind: 'due' }).done).toEqual(['wait', 'connect']);
  });

  test('that is refused is not tried again, nor is one that the page ended', () => {
    expect(through({ kind: 'closed', isRefusal: true }, { kind: 'due' })).toEqual({
      life: { is: 'refused' },
      done: [],
    });
    expect(through({ kind: 'end' }, lost, { kind: 'due' })).toEqual({ life: { is: 'over' }, done: ['close'] });
  });
});
