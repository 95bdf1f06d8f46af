import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const root = new URL('../../', import.meta.url).pathname;
const programs = ['agent/main.ts', 'worker/main.ts', 'controller/main.ts', 'client/cli/main.ts'];
let out = '';

beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'panelet-image-'));
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

/** What the image's programs are bundled of, as paths from the root, without packages. */
function ownSources(): readonly string[] {
  const metafile = join(out, 'meta.json');
  const options = [
    '--bundle',
    '--format=esm',
    '--platform=node',
    '--conditions=panelet-source',
    '--external:@lydell/node-pty',
  ];
  const output = [`--outdir=${out}`, `--metafile=${metafile}`, '--log-level=error'];
  execFileSync(join(root, 'node_modules/.bin/esbuild'), [...programs, ...options, ...output], { cwd: root });
  const { inputs } = JSON.parse(readFileSync(metafile, 'utf8')) as { inputs: Record<string, unknown> };
  return Object.keys(inputs).filter((path) => !path.startsWith('node_modules/'));
}

test('.dockerignore lets every source of its programs into the build of the image', () => {
  const [first, ...lines] = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n');
  expect(first).toBe('*');
  const allowed = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const sources = ownSources();
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((path) => !allowed.some((entry) => path === entry || path.startsWith(`${entry}/`)))).toEqual(
    [],
  );
});
