import { describe, expect, test } from '@jest/globals';
import { Session } from '#proto/session/v1/session.js';
import { SessionNews } from './session-news.js';

const session = (sessionId: string, change: Partial<Session> = {}): Session =>
  Session.fromPartial({ sessionId, incarnation: 1, ...change });

describe('news of sessions', () => {
  test('is at first all there are, also where there is none', () => {
    expect(new SessionNews().next([], 0).message).toEqual({ complete: true, sessions: [], gone: [] });
    const two = [session('a'), session('b')];
    expect(new SessionNews().next(two, 0).message).toEqual({ complete: true, sessions: two, gone: [] });
  });

  test('is then what is new, has changed or has gone', () => {
    const news = new SessionNews();
    news.next([session('a'), session('b'), session('c')], 0);
    const now = [session('a'), session('b', { attached: true }), session('d')];
    expect(news.next(now, 300).message).toEqual({ complete: false, sessions: [now[1], now[2]], gone: ['c'] });
    expect(news.next(now, 600)).toEqual({ message: undefined, againInMs: undefined });
  });

  test('tells what only counts once in two seconds, all of it, and an age never', () => {
    const news = new SessionNews();
    news.next([session('a'), session('b')], 0);
    const grown = [session('a', { framesIn: 5 }), session('b', { details: { title: 'x' } })];
    expect(news.next(grown, 500)).toEqual({ message: undefined, againInMs: 1_500 });
    expect(news.next(grown, 2_000).message).toEqual({ complete: false, sessions: grown, gone: [] });
    const more = [session('a', { framesIn: 6 }), grown[1]!];
    expect(news.next(more, 2_500)).toEqual({ message: undefined, againInMs: 1_500 });
    const older = more.map((one) => ({ ...one, age: { seconds: 9, nanos: 0 } }));
    expect(news.next(older, 4_000).message).toMatchObject({ sessions: [{ sessionId: 'a' }] });
    expect(news.next(older, 9_000).message).toBeUndefined();
  });

  test('what counts comes along with what has changed', () => {
    const news = new SessionNews();
    news.next([session('a')], 0);
    const both = [session('a', { attached: true, framesOut: 7 })];
    expect(news.next(both, 100).message?.sessions).toEqual(both);
    expect(news.next(both, 5_000).message).toBeUndefined();
  });
});
