import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const run = promisify(execFile);

/** The demo's script on its own, with something else in the place of the build and of the demo. */
function copyOfDemo(build: string, demo: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'demo-words-'));
  mkdirSync(join(directory, 'scripts'));
  mkdirSync(join(directory, 'dist', 'bin'), { recursive: true });
  copyFileSync('scripts/demo.mjs', join(directory, 'scripts', 'demo.mjs'));
  writeFileSync(join(directory, 'scripts', 'build.mjs'), build);
  writeFileSync(join(directory, 'dist', 'bin', 'panelet-demo.js'), demo);
  writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
  return join(directory, 'scripts', 'demo.mjs');
}

test('the demo says what comes and how long it takes before it builds anything', async () => {
  const script = copyOfDemo('process.stdout.write("BUILD\\n");', 'process.stdout.write("PLAYS\\n");');
  const { stdout } = await run(process.execPath, [script]);
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^Panelet.s demo, about a minute: /);
  expect(stdout).toMatch(/ {2}6\. compare[^]*BUILD[^]*✓ build the programs\nPLAYS\n$/);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
});

test('the demo builds the programs that it runs, and only these', async () => {
  const script = copyOfDemo('process.stdout.write(process.argv.slice(2).join() + "\\n");', '');
  const { stdout } = await run(process.execPath, [script]);
  expect(stdout).toContain('\npanelet-agent,panelet-worker,panelet-controller,panelet-demo\n');
});

test('with the board it builds that, too', async () => {
  const script = copyOfDemo('process.stdout.write(process.argv.slice(2).join() + "\\n");', '');
  const { stdout } = await run(process.execPath, [script, '--board']);
  expect(stdout).toContain('\npanelet-agent,panelet-worker,panelet-controller,panelet-demo,panelet,board\n');
});

test('a demo that cannot be built says so, and fails', async () => {
  const script = copyOfDemo('process.exit(3);', 'process.stdout.write("PLAYS\\n");');
  const failed = await run(process.execPath, [script]).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 1, stdout: expect.stringMatching(/Has "npm ci" been run\?\n$/) as unknown });
  expect((failed as { stdout: string }).stdout).not.toContain('PLAYS');
});

test('npm test says what it does, for how long, and how it ends, before it does anything', async () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const [first = '', ...rest] = scripts['test']?.split(' && ') ?? [];
  expect(rest).toEqual(['npm run bundle', 'npm run jest -- --config test/jest.config.js']);
  const [, script = ''] = first.split(' ');
  const { stdout } = await run(process.execPath, [script]);
  expect(stdout).toMatch(/^Panelet's tests: \d+ to \d+ minutes/);
  expect(stdout).toContain('N passed, N failed');
});
