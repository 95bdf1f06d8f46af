import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { unreachableHome } from './unreachable-home.js';

describe('a HOME that its owner cannot enter', () => {
  let dir: string;
  let home: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'uh-'));
    home = join(dir, 'state', 'homes', '70000');
    await mkdir(home, { recursive: true });
    for (const path of [dir, join(dir, 'state'), join(dir, 'state', 'homes')]) await chmod(path, 0o711);
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('is told with the topmost directory that is closed, and with every way out', async () => {
    await chmod(join(dir, 'state', 'homes'), 0o700);
    const inner = await unreachableHome(home);
    expect(inner.code).toBe('PANEL_FAILED');
    expect(inner.message).toContain(`cannot enter ${home}: `);
    await chmod(join(dir, 'state'), 0o700);
    const { message } = await unreachableHome(home);
    for (const way of ['chmod o+x', '"homes" and "temporaries"', "allowSameUser: 'true'"])
      expect(message).toContain(way);
    // Where this test runs in a closed directory, that is the one.
    if (inner.message.includes(`${join(dir, 'state', 'homes')} is closed`)) {
      expect(message).toContain(`${join(dir, 'state')} is closed`);
    } else expect(message).toMatch(/\/\S* is closed to others/);
  });
});
