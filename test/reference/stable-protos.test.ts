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
    // What goes: a field, also one whose number and name are kept free, a message, a value and a method.
    ['panelet/panel/v1/panel.proto', 'uint64 output_credit = 4;', ''],
    ['panelet/panel/v1/panel.proto', 'uint64 output_credit = 4;', 'reserved 4; reserved "output_credit";'],
    ['panelet/session/v1/session.proto', 'string client_id = 5;', ''],
    ['panelet/session/v1/session.proto', 'string client_id = 5;', 'reserved 5; reserved "client_id";'],
    ['panelet/session/v1/session.proto', 'DETACH_REASON_REVOKED = 6;', ''],
    ['panelet/session/v1/session.proto', 'rpc EndSession(', 'rpc CloseSession('],
  ])('are looked at: in %s "%s" does not become "%s"', (path, before, after) => {
    const text = readFileSync(join(dir, path), 'utf8');
    expect(text).toContain(before);
    writeFileSync(join(dir, path), text.replace(before, after));
    // Not a word about a file that cannot be read.
    expect(breaks(dir)).toMatch(new RegExp(`/${path}:\\d+:\\d+:.*(Previously present .* was deleted|changed)`));
  });
});
