import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const root = new URL('../../', import.meta.url).pathname;
const mostBytes = 35_000_000;
const dir = mkdtempSync(join(tmpdir(), 'panelet-package-'));
const stranger = join(dir, 'stranger');
let files: readonly string[] = [];

const run = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const bytesOf = (path: string): number =>
  readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

beforeAll(() => {
  const packed = JSON.parse(
    run('npm', ['run', '--silent', 'package', '--', '--json', '--pack-destination', dir], root),
  ) as [{ readonly filename: string; readonly files: readonly { readonly path: string }[] }];
  const [{ filename, files: entries }] = packed;
  files = entries.map(({ path }) => path);
  mkdirSync(stranger);
  writeFileSync(join(stranger, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }\n');
  run('npm', ['install', '--no-audit', '--no-fund', '--no-progress', join(dir, filename)], stranger);
}, 300_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('the package has no tests and no tools in it', () => {
  expect(files.length).toBeGreaterThan(40);
  expect(
    files.filter((path) => /(^|\/)test\/|\.test\.|bench|panelet-(demo|devcluster|soak|e2e|chaos)/.test(path)),
  ).toEqual([]);
});

test('the package has the page of the board', () => {
  const page = files.filter((path) => path.startsWith('dist/board/'));
  expect(page).toEqual(
    expect.arrayContaining(['index.html', 'board.js', 'board.css'].map((name) => `dist/board/${name}`)),
  );
});

test('the package has one file of types for each entry point, and nothing of ours beside', () => {
  const types = files.filter((path) => path.endsWith('.d.ts')).sort();
  expect(types).toEqual(['dist/panel-testing.d.ts', 'dist/panel.d.ts', 'dist/sdk.d.ts']);
  const texts = types.map((path) => readFileSync(join(stranger, 'node_modules/panelet', path), 'utf8'));
  expect(texts.filter((text) => /from ['"](?!node:|panelet\b)|\$case/.test(text))).toEqual([]);
  expect(files.filter((path) => path.endsWith('.ts')).sort()).toEqual(types);
});

test('says what of others is in it, with the texts of their licences', () => {
  const folder = join(stranger, 'node_modules/panelet/dist');
  const notices = readFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
  const bill = JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8')) as {
    readonly metadata: { readonly component: { readonly name: string } };
    readonly components: readonly { readonly name: string; readonly group?: string; readonly version: string }[];
  };
  const names = bill.components.map(({ name, group, version }) => `${group ? `${group}/` : ''}${name} ${version}`);
  // npm names it after the directory that it is packed in.
  expect(bill.metadata.component.name).toBe('panelet');
  expect(names).toContain(
    `zod ${(JSON.parse(readFileSync(join(root, 'node_modules/zod/package.json'), 'utf8')) as { version: string }).version}`,
  );
  expect(names.filter((name) => !notices.includes(`\n${name}\n`))).toEqual([]);
  expect(names.filter((name) => /jest|eslint|esbuild|typescript/.test(name))).toEqual([]);
});

test('is small when it is installed', () => {
  const bytes = bytesOf(join(stranger, 'node_modules'));
  process.stdout.write(`Installed: ${(bytes / 1e6).toFixed(1)} MB\n`);
  expect(bytes).toBeLessThan(mostBytes);
});

test('has programs that start, and modules that can be imported', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  for (const program of ['panelet', 'panelet-agent', 'panelet-worker', 'panelet-controller'])
    expect(run(join(stranger, 'node_modules/.bin', program), ['--version'], stranger)).toContain(version);
  const script = `
    import { createPaneletClient, isPaneletError } from 'panelet';
    import { definePanel, runPanel } from 'panelet/panel';
    import { openPanel } from 'panelet/panel/testing';
    console.log([createPaneletClient, isPaneletError, definePanel, runPanel, openPanel].map((each) => typeof each).join());`;
  writeFileSync(join(stranger, 'imports.js'), script);
  expect(run(process.execPath, ['imports.js'], stranger).trim()).toBe('function,function,function,function,function');
});

test('has types that stand by themselves', () => {
  const source = `
    import { createPaneletClient, isPaneletError, type PaneletSession, type SessionEnd } from 'panelet';
    import { definePanel } from 'panelet/panel';
    import { openPanel } from 'panelet/panel/testing';
    await using client = createPaneletClient({ address: '127.0.0.1:7443', log: console });
    await using session: PaneletSession = await client.open({ panel: 'echo' });
    for await (const item of session) if (item.kind === 'data' && item.channel === 'stdout') process.stdout.write(item.payload);
    await session.readable.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream<string>());
    await session.flushed().catch((error: unknown) => isPaneletError(error, 'SESSION_ENDED') && error.advice);
    const end: SessionEnd = await session.closed;
    const said: string = end.kind === 'failed' ? end.error.problem : end.kind === 'ended' ? end.cause : end.kind;
    const [first] = await client.listSessions();
    console.log(said, first?.ageMs, openPanel(definePanel({ open: () => ({ input: () => undefined }) })));`;
  writeFileSync(join(stranger, 'client.ts'), source);
  // What everybody has who writes TypeScript for Node.js.
  for (const name of ['@types/node', 'undici-types'])
    cpSync(join(root, 'node_modules', name), join(stranger, 'node_modules', name), { recursive: true });
  const options = ['--noEmit', '--target', 'es2023', '--module', 'nodenext', '--types', 'node'];
  const compile = (...args: readonly string[]): string =>
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args], stranger);
  // With the types of browsers, which are there unless somebody says otherwise, and with those of Node.js alone.
  const node = [...options, '--lib', 'es2023'];
  expect(compile('--strict', ...options, 'client.ts')).toBe('');
  expect(compile('--strict', ...node, 'client.ts')).toBe('');
  // The examples are in JavaScript: they use nothing that is not there.
  const examples = readdirSync(join(root, 'examples/client-typescript')).filter((name) => name.endsWith('.js'));
  for (const name of examples) cpSync(join(root, 'examples/client-typescript', name), join(stranger, name));
  const loose = ['--allowJs', '--checkJs', '--strict', 'false', ...node];
  expect(compile(...loose, ...examples)).toBe('');
  writeFileSync(join(stranger, 'mistaken.js'), "import { Channel } from 'panelet';\nconsole.log(Channel);\n");
  expect(() => compile(...loose, 'mistaken.js')).toThrow();
}, 120_000);
