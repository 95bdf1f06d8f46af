import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createLastUse } from './last-use.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pn-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('the time since an owner’s last session is known to the next worker, and starts again when he comes', async () => {
  const clock = createFakeClock();
  clock.advance(1_000_000);
  const before = createLastUse({ directory, clock });
  expect(await before.ageMs(70_000)).toBeUndefined();
  await before.touch(70_000);
  clock.advance(5_000);
  const after = createLastUse({ directory, clock });
  expect([await after.ageMs(70_000), await after.ageMs(70_001)]).toEqual([5_000, undefined]);
  await after.touch(70_000);
  expect(await before.ageMs(70_000)).toBe(0);
});
