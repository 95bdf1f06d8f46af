import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { version } from '#common/version.js';

const run = (program: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join('dist', 'bin', `${program}.js`), ...args], { encoding: 'utf8' });

describe.each(['panelet-agent', 'panelet-worker', 'panelet-controller', 'panelet'])('%s', (program) => {
  test('says its version', () => {
    expect(run(program, '--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('names an option that it does not know, and its help', () => {
    const { status, stdout, stderr } = run(program, '--no-such-option');
    expect([status === 0, stdout]).toEqual([false, '']);
    expect(stderr).toContain('--no-such-option');
    expect(stderr).toContain('--help');
    expect(stderr).not.toMatch(/INTERNAL|\bat .*\.js:/);
  });
});
