import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readPanelFiles } from './panel-files.js';

describe('files of panels', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'panelet-files-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('are not held up by a named pipe, a device or a link that leads nowhere', async () => {
    execFileSync('mkfifo', [join(dir, 'a.yaml')]);
    symlinkSync('/dev/zero', join(dir, 'b.yaml'));
    symlinkSync('c.yaml', join(dir, 'c.yaml'));
    writeFileSync(join(dir, 'd.yaml'), 'good');
    const { panels, problems } = await readPanelFiles(dir, (path) => readFile(path, 'utf8'));
    expect(panels).toEqual([{ file: join(dir, 'd.yaml'), panel: 'good' }]);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('a.yaml cannot be read: it is not a regular file'),
      expect.stringContaining('b.yaml cannot be read: it is not a regular file'),
      expect.stringContaining('c.yaml cannot be read: ELOOP'),
    ]);
  });
});
