import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createProgress, type Progress } from './progress.js';

function start(isTerminal: boolean): { clock: FakeClock; progress: Progress; text: () => string; raw: () => string } {
  const clock = createFakeClock();
  const out = new PassThrough();
  const progress = createProgress({ out, isTerminal, clock, startedMs: 0 });
  let all = '';
  const raw = (): string => (all += String(out.read() ?? ''));
  return { clock, progress, raw, text: () => stripVTControlCharacters(raw()) };
}

const state = { lines: () => ['session  node-a  waiting 1.2 s'], summary: () => '2 sessions of node-a wait, 1.2 s' };

describe('the progress of the demo', () => {
  test('says what waits after a silence, where nothing can be redrawn', async () => {
    const { clock, progress, text } = start(false);
    progress.show(state);
    await progress.step('restart', () => {
      clock.advance(2000);
      return Promise.resolve();
    });
    progress.end();
    expect(text().split('\n')).toEqual([
      '  0.0 s ▶ restart',
      '  2.0 s   … 2 sessions of node-a wait, 1.2 s',
      '  2.0 s ✓ restart',
      '',
    ]);
    expect(clock.pending()).toBe(0);
  });

  test('shows what waits below the step on a terminal', async () => {
    const { clock, progress, text } = start(true);
    progress.show(state);
    await progress.step('restart', () => {
      clock.advance(150);
      return Promise.resolve();
    });
    progress.end();
    expect(text()).toContain('▶ restart\n          session  node-a  waiting 1.2 s\n');
    expect(clock.pending()).toBe(0);
  });

  test.each([true, false])('breaks long lines at 80 (terminal: %s)', async (isTerminal) => {
    const { progress, text } = start(isTerminal);
    progress.note('word '.repeat(40).trim());
    await progress.step('step '.repeat(30).trim(), () => Promise.resolve());
    progress.end();
    for (const line of text().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
