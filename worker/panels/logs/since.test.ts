import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createFakePanelContext } from '#test/support/panel-context.js';
import { readLineTime } from './line-time.js';
import { createLogsPanel } from './logs.js';

const now = new Date('2026-03-01T12:00:00Z');

describe('the time with which a line begins', () => {
  test.each([
    ['2026-01-31T10:00:00Z stdout F hello', '2026-01-31T10:00:00Z'],
    ['2026-01-31T10:00:00.123456789+01:00 hello', '2026-01-31T09:00:00.123Z'],
    ['[2026-01-31 10:00:00,5 +0100] hello', '2026-01-31T09:00:00.5Z'],
  ])('of "%s"', (line, expected) => {
    expect(new Date(readLineTime(line, now)!).toISOString()).toBe(new Date(expected).toISOString());
  });

  test('without a zone is that of this process', () => {
    const here = new Date(2026, 0, 31, 10, 0, 0).getTime();
    expect(readLineTime('2026-01-31 10:00:00 status installed', now)).toBe(here);
    expect(readLineTime('Jan 31 10:00:00 host sshd[1]: hello', now)).toBe(here);
  });

  test('without a year is never in the future', () => {
    expect(readLineTime('Dec 31 10:00:00 host hello', now)).toBe(new Date(2025, 11, 31, 10, 0, 0).getTime());
  });

  test.each(['hello', '', 'at 2026-01-31T10:00:00Z', 'Mon 31 10:00:00', '2026-13-45T99:00:00Z'])(
    'none in "%s"',
    (line) => {
      expect(readLineTime(line, now)).toBeUndefined();
    },
  );
});

describe('logs since a moment', () => {
  let root: string;
  let log: string;
  let clock: FakeClock;
  const read = async (parameters: Record<string, string>): Promise<string> => {
    const context = createFakePanelContext({ parameters: { path: log, follow: 'false', ...parameters }, clock });
    const session = await createLogsPanel({ parameters: { roots: root } }).open(context);
    await context.output.until((output) => output.ended);
    await session.close();
    return context.output.text;
  };

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'panelet-since-')));
    log = join(root, 'app.log');
    clock = createFakeClock();
    clock.advance(10_000_000);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  // A line each second, up to now, every fourth with a second line that has no time; 600 KiB.
  const seconds = 10_000;
  const entry = (second: number): string =>
    `${new Date(second * 1000).toISOString()} ${'.'.repeat(30)}\n${second % 4 === 0 ? `  at somewhere ${second}\n` : ''}`;
  const from = (second: number): string =>
    Array.from({ length: seconds - second }, (_, index) => entry(second + index)).join('');

  test.each([0, 1, 4, 4095, 5001, 9998, 9999])('begins with the first line of second %i', async (second) => {
    writeFileSync(log, from(0));
    expect(await read({ since: new Date(second * 1000).toISOString() })).toBe(from(second));
    expect(await read({ since: `${seconds - second}s` })).toBe(from(second));
  });

  test('shows nothing when every line is older, and what both limits leave', async () => {
    writeFileSync(log, from(0));
    expect(await read({ since: '2030-01-01T00:00:00Z' })).toBe('');
    expect(await read({ since: '1h', lines: '1' })).toBe(entry(9999));
    expect(await read({ since: '2s', lines: '1000' })).toBe(from(9998));
  });

  test('is refused where lines have no time, and for a text that is no time', async () => {
    writeFileSync(log, 'hello\n'.repeat(10));
    await expect(read({ since: '1h' })).rejects.toThrow(/do not begin with a time .* Leave "since" out/);
    await expect(read({ since: 'yesterday' })).rejects.toThrow(/"since": must be a duration/);
    await expect(read({ since: '1h', from: 'start' })).rejects.toThrow(/either "since" or "from=start"/);
  });
});
