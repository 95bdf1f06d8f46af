import { describe, expect, test } from '@jest/globals';
import type { ViewNews } from '../../wire/session.js';
import { isViewOver, openingView, viewAfter, viewLine, viewWithoutServer, type ViewState } from './view-state.js';

const after = (...news: readonly ViewNews[]): ViewState => news.reduce(viewAfter, openingView(null));
const opened: ViewNews = { kind: 'opened', session: 's1', node: 'node-1', replayed: false, seenBytes: 0 };

describe('a view of a session', () => {
  test.each<[string, readonly ViewNews[]]>([
    ['Opening', []],
    ['Live', [opened]],
    ['Agent restarting, reconnecting', [opened, { kind: 'state', state: 'reconnecting', text: '' }]],
    ['Held for a restart: 3 of 5', [opened, { kind: 'state', state: 'frozen', text: '3 of 5' }]],
    ['Live', [opened, { kind: 'state', state: 'frozen', text: 'x' }, { kind: 'state', state: 'live', text: '' }]],
    ['Ended with exit code 3: exit', [opened, { kind: 'ended', text: 'exit', exitCode: 3 }]],
    ['Ended: killed', [opened, { kind: 'ended', text: 'killed', exitCode: null }]],
    ['Failed: no such node (NOT_FOUND)', [{ kind: 'failed', code: 'NOT_FOUND', text: 'no such node' }]],
  ])('is told as: %s', (line, news) => {
    expect(viewLine(after(...news))).toBe(line);
  });

  test('knows its session once it is opened, and keeps what was lost', () => {
    const state = after(opened, { kind: 'lost', text: '3 frames' }, { kind: 'note', text: 'rotated' });
    expect(state).toMatchObject({ session: 's1', notes: ['Lost: 3 frames', 'rotated'] });
  });

  test('keeps few notes, however many come', () => {
    const many = Array.from({ length: 50 }, (_, number): ViewNews => ({ kind: 'note', text: `${number}` }));
    expect(after(opened, ...many).notes).toHaveLength(20);
  });

  test('waits for the server where it is not over, and stays over where it is', () => {
    expect(viewLine(viewWithoutServer(after(opened)))).toMatch(/^The board's server is away/);
    const ended = after(opened, { kind: 'ended', text: '', exitCode: 0 });
    expect(viewWithoutServer(ended)).toBe(ended);
    expect([isViewOver(ended), isViewOver(after(opened))]).toEqual([true, false]);
  });
});
