import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const buf = resolve('node_modules/.bin/buf');
const stable = resolve('proto/stable.txtpb');
const ofOthers = ['--path', 'panelet/panel', '--path', 'panelet/session'];

/** What breaks those who have built on the protos as they were; empty when nothing does. */
function breaks(directory: string): string {
  const { stdout, stderr } = spawnSync(buf, ['breaking', directory, '--against', stable, ...ofOthers], {
    cwd: directory,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

describe('the protos that people build on', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pp-'));
    for (const part of ['panelet', 'google', 'grpc', 'buf.yaml']) {
      cpSync(join('proto', part), join(dir, part), { recursive: true });
    }
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('break nobody', () => {
    expect(breaks(dir)).toBe('');
  });

  test.each([
    ['panelet/panel/v1/panel.proto', 'uint64 output_credit = 4;', 'uint32 output_credit = 4;'],
    ['panelet/panel/v1/panel.proto', 'Freeze freeze = 9;', 'Freeze freeze = 12;'],
    ['panelet/session/v1/session.proto', 'bytes payload = 2;', 'string payload = 2;'],
  ])('are looked at: in %s "%s" does not become "%s"', (path, before, after) => {
    const text = readFileSync(join(dir, path), 'utf8');
    expect(text).toContain(before);
    writeFileSync(join(dir, path), text.replace(before, after));
    expect(breaks(dir)).toContain(path);
  });
});
