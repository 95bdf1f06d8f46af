import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const root = new URL('../../', import.meta.url).pathname;
const programs = ['agent/main.ts', 'worker/main.ts', 'controller/main.ts', 'client/cli/main.ts'];
let out = '';
let bundles: ReadonlyMap<string, Bundle> = new Map();

beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'panelet-image-'));
  bundles = bundlePrograms();
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

interface Bundle {
  readonly bytes: number;
  /** What it is made of, as paths from the root. */
  readonly inputs: readonly string[];
}

/** The image's programs, bundled, by the path of their main file. */
function bundlePrograms(): ReadonlyMap<string, Bundle> {
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
  const { outputs } = JSON.parse(readFileSync(metafile, 'utf8')) as {
    outputs: Record<string, { bytes: number; entryPoint: string; inputs: Record<string, unknown> }>;
  };
  return new Map(
    Object.values(outputs).map(({ entryPoint, bytes, inputs }) => [entryPoint, { bytes, inputs: Object.keys(inputs) }]),
  );
}

/** What the programs are bundled of, without packages. */
function ownSources(): readonly string[] {
  const paths = [...bundles.values()].flatMap(({ inputs }) => inputs);
  return [...new Set(paths)].filter((path) => !path.startsWith('node_modules/'));
}

// In KiB, a tenth above what they have: a package that nobody meant to bundle is more.
test.each([
  ['agent/main.ts', 3900],
  ['worker/main.ts', 3400],
  ['controller/main.ts', 5200],
  ['client/cli/main.ts', 3300],
])('the bundle of %s has no more than %i KiB', (main, mostKiB) => {
  expect(Math.ceil((bundles.get(main)?.bytes ?? 0) / 1024)).toBeGreaterThan(500);
  expect(Math.ceil((bundles.get(main)?.bytes ?? 0) / 1024)).toBeLessThanOrEqual(mostKiB);
});

test('only the controller holds the Kubernetes client of npm', () => {
  const holders = [...bundles].filter(([, { inputs }]) =>
    inputs.some((path) => path.includes('node_modules/@kubernetes/client-node/')),
  );
  expect(holders.map(([main]) => main)).toEqual(['controller/main.ts']);
});

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

/** Runs the size check of `test/cluster/cluster image`, as end-to-end tests have it run. */
function checkSize(size: string, maxMb: string): string {
  const script = `die() { echo "$*"; exit 1; }; source test/cluster/lib/image.sh; check_size "$1"; echo fits`;
  const env = { PATH: process.env['PATH'], IMAGE_MAX_MB: maxMb };
  return spawnSync('bash', ['-c', script, 'bash', size], { cwd: root, encoding: 'utf8', env }).stdout.trim();
}

test('an image of the size that the docs give is let into end-to-end tests, one with an unstripped Node.js is not', () => {
  const [, footprint] = /^(\d+ MB), /m.exec(readFileSync(join(root, 'docs/reference/footprint.md'), 'utf8')) ?? [];
  const [, guide] = /^(\d+ MB), /m.exec(readFileSync(join(root, 'docs/guide/image.md'), 'utf8')) ?? [];
  const [, max = ''] =
    /^const imageMaxMb = (\d+);/m.exec(readFileSync(join(root, 'test/e2e/support/preparation.ts'), 'utf8')) ?? [];
  expect(guide).toBe(footprint);
  expect(checkSize(guide ?? '', max)).toBe('fits');
  expect(checkSize('230 MB', max)).toMatch(/^image: 230 MB, and it may have 220 MB/);
  expect(checkSize('1.02 GB', max)).toMatch(/^image: 1.02 GB/);
  expect(checkSize('230 MB', '')).toBe('fits');
});

test('the Dockerfile puts the stripped Node.js into the stage that the image is a copy of', () => {
  const stages = readFileSync(join(root, 'Dockerfile'), 'utf8').split(/^(?=FROM )/m);
  const stage = (name: string): string => stages.find((text) => text.startsWith(`FROM \${BASE} AS ${name}\n`)) ?? '';
  expect(stage('node')).toContain('strip /node');
  expect(stage('root')).toContain('COPY --from=node /node /usr/local/bin/node\n');
  expect(stages.at(-1)).toMatch(/^FROM scratch\nCOPY --from=root \/ \/\n/);
});

test('the Dockerfile puts the page of the board where the CLI looks for it, beside the directory of the programs', () => {
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
  expect(dockerfile).toContain('&& cp -r dist/board /out/opt/panelet/ ');
  expect(dockerfile).toContain('cp "dist/bin/$program.js" /out/opt/panelet/bin/');
  expect(readFileSync(join(root, 'client/cli/main.ts'), 'utf8')).toContain("join(import.meta.dirname, '..', 'board')");
});
