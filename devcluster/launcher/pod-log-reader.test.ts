import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import type { PodLogRequest } from '../http/handlers/pod-logs.js';
import { createPodLogReader } from './pod-log-reader.js';

let directory = '';
let running = false;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-logs-'));
  running = false;
  writeFileSync(join(directory, '0.log'), 'one\ntwo\nthree\n');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const read = createPodLogReader({
  clock: createSystemClock(),
  find: (request) => ({
    file: request.previous ? undefined : join(directory, '0.log'),
    isRunning: () => running,
  }),
});

async function text(parts: Partial<PodLogRequest>): Promise<string> {
  const request: PodLogRequest = {
    ...{ namespace: 'ns', pod: 'p', podUid: 'u', container: 'c' },
    ...{ follow: false, previous: false, timestamps: false },
    ...parts,
  };
  let all = '';
  for await (const piece of read(request, new AbortController().signal)) {
    all += Buffer.from(piece).toString();
    if (request.follow && running) {
      appendFileSync(join(directory, '0.log'), 'last\n');
      running = false;
    }
  }
  return all;
}

describe('pod log reader', () => {
  test.each([
    [{}, 'one\ntwo\nthree\n'],
    [{ tailLines: 2 }, 'two\nthree\n'],
    [{ tailLines: 9 }, 'one\ntwo\nthree\n'],
    [{ tailLines: 0 }, ''],
    [{ limitBytes: 5 }, 'one\nt'],
  ])('reads what %j asks for', async (parts, expected) => {
    expect(await text(parts)).toBe(expected);
  });

  test('follows until the container has ended, and leaves nothing out', async () => {
    running = true;
    expect(await text({ follow: true })).toBe('one\ntwo\nthree\nlast\n');
  });

  test('says that there was no previous container', async () => {
    await expect(text({ previous: true })).rejects.toThrow(/previous terminated container "c" in pod "p" not found/);
  });

  test('refuses times with a reason', async () => {
    await expect(text({ timestamps: true })).rejects.toThrow(/--timestamps/);
  });
});
