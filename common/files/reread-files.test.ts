import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createSilentLog } from '#common/log.js';
import { waitFor } from '#test/support/wait-for.js';
import { createLatch } from '../time/latch.js';
import { createFakeClock, type FakeClock } from '../time/clock.js';
import { rereadFiles, type RereadFiles } from './reread-files.js';

let dir: string;
let file: string;
let said: string[];
let clock: FakeClock;
let watched: RereadFiles<string>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-reread-'));
  file = join(dir, 'a');
  said = [];
  clock = createFakeClock();
  writeFileSync(file, 'first');
  const read = (): string => {
    const text = readFileSync(file, 'utf8');
    if (text === 'half') throw new Error('half a file');
    return text;
  };
  const log = pino({}, { write: (line) => void said.push((JSON.parse(line) as { msg: string }).msg) });
  watched = rereadFiles({ files: [file], read, first: read(), clock, log });
});
afterEach(() => {
  watched.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Until the look that is due is over: the next one is waited for then. */
async function look(): Promise<void> {
  clock.advance(10_000);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(clock.pending()).toBe(1);
}

describe('files that something else writes', () => {
  test('are read again after a while, whether or not the kernel tells of a change', async () => {
    let changes = 0;
    watched.changes.subscribe(() => changes++);
    await look();
    expect([watched.current(), changes]).toEqual(['first', 0]);
    writeFileSync(file, 'second');
    await look();
    expect([watched.current(), changes]).toEqual(['second', 1]);
  });

  test('that change while they are read are read again at once', async () => {
    watched.close();
    const slow = createLatch();
    let reads = 0;
    const read = async (): Promise<string> => {
      const text = readFileSync(file, 'utf8');
      if (++reads === 1) await slow.promise;
      return text;
    };
    watched = rereadFiles({ files: [file], read, first: 'first', clock, log: createSilentLog() });
    clock.advance(10_000);
    await waitFor('a read', () => reads === 1);
    const told = new Promise((resolve) => watch(dir, { persistent: false }, resolve));
    writeFileSync(file, 'second');
    await told;
    slow.resolve();
    await waitFor('the look that is due', () => clock.pending() === 1);
    clock.advance(250);
    await waitFor('the change', () => watched.current() === 'second');
  });

  test('that cannot be used change nothing, and are complained of once', async () => {
    writeFileSync(file, 'half');
    await look();
    await look();
    expect(watched.current()).toBe('first');
    expect(said).toEqual(['The files cannot be taken up, what is in force stays']);
    await expect(watched.reload()).rejects.toThrow('half a file');
    writeFileSync(file, 'second');
    await look();
    expect(watched.current()).toBe('second');
    writeFileSync(file, 'half');
    await look();
    expect(said).toHaveLength(2);
  });

  test('are left alone after the end', () => {
    watched.close();
    expect(clock.pending()).toBe(0);
  });
});
