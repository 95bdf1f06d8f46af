import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const root = new URL('../../', import.meta.url).pathname;
const guide = readFileSync(join(root, 'docs/guide/installing.md'), 'utf8');
let home = '';

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'panelet-home-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function run(command: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const path = [join(home, '.local/bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(':');
  return spawnSync('sh', ['-ec', command], { cwd: root, encoding: 'utf8', env: { HOME: home, PATH: path } });
}

test('what docs/guide/installing.md does puts the CLI, the plugin and its completion into an empty HOME', () => {
  const [, block = ''] = /## The CLI on your machine[^]*?```sh\n([^]*?)```/.exec(guide) ?? [];
  const [build, ...steps] = block.trim().split('\n');
  // The programs are bundled before the tests run.
  expect(build).toBe('npm ci && npm run bundle');
  expect(run(steps.join('\n'))).toMatchObject({ status: 0, stderr: '' });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(run('cd /; panelet version')).toMatchObject({ stdout: `panelet ${version}\n`, stderr: '', status: 0 });
  expect(run('cd /; kubectl-panelet --help').stdout).toMatch(/^Usage: kubectl panelet /);
  expect(run('cd /; kubectl_complete-panelet att').stdout).toMatch(/^attach\b/);
});

test('the image has that file where docs/guide/installing.md takes it from', () => {
  const [, path = ''] = /--entrypoint cat \S+ (\S+)\/panelet\.js/.exec(guide) ?? [];
  expect(readFileSync(join(root, 'Dockerfile'), 'utf8')).toContain(path);
});
