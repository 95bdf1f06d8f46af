/** Bundles the programs that ship, the SDK, the page of the board, and the tools around them, into dist/; with names, only the programs of these names. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { banner, common, page, programs } from './programs.mjs';

/** Bytes that a browser loads for the page, compressed, at most. */
const mostPageBytes = 250 * 1024;

/** Replaces each file at once, so that a program that starts meanwhile never reads half of one. */
async function place(path, contents, mode) {
  const temporary = `${path}.${String(process.pid)}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(temporary, contents);
  await chmod(temporary, mode);
  await rename(temporary, path);
}

async function bundle(options) {
  const { outputFiles } = await build({ ...options, write: false });
  for (const { path, contents } of outputFiles) await place(path, contents, 0o755);
}

async function bundlePage() {
  const { outputFiles } = await build({ ...page, outdir: 'dist/board', write: false });
  const html = { path: 'dist/board/index.html', contents: await readFile('client/board/page/index.html') };
  const files = [...outputFiles.map(({ path, contents }) => ({ path, contents })), html];
  const bytes = files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
  if (bytes > mostPageBytes)
    throw new Error(
      `The page of the board has ${String(bytes)} bytes compressed; it may have ${String(mostPageBytes)}.`,
    );
  for (const { path, contents } of files) await place(path, contents, 0o644);
}

const names = process.argv.slice(2);
const isWanted = ([name, file]) => existsSync(file) && (names.length === 0 || names.includes(name));
const entryPoints = Object.fromEntries(Object.entries(programs).filter(isWanted));
await bundle({ ...common, entryPoints, outdir: 'dist/bin', banner: { js: `#!/usr/bin/env node\n${banner}` } });
const libraries = Object.entries({ sdk: 'client/sdk.ts', panel: 'panel/sdk.ts', 'panel-testing': 'panel/testing.ts' });
if (names.length === 0 && libraries.every(([, file]) => existsSync(file))) {
  await bundle({ ...common, entryPoints: Object.fromEntries(libraries), outdir: 'dist', packages: 'external' });
}
if ((names.length === 0 || names.includes('board')) && existsSync(page.entryPoints.board)) await bundlePage();
