/** Bundles the programs that ship, the SDK, and the tools around them, into dist/; with names, only the programs of these names. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { build } from 'esbuild';
import { banner, common, programs } from './programs.mjs';

/** Replaces each file at once, so that a program that starts meanwhile never reads half of one. */
async function bundle(options) {
  const { outputFiles } = await build({ ...options, write: false });
  for (const { path, contents } of outputFiles) {
    const temporary = `${path}.${String(process.pid)}.tmp`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, contents);
    await chmod(temporary, 0o755);
    await rename(temporary, path);
  }
}

const names = process.argv.slice(2);
const isWanted = ([name, file]) => existsSync(file) && (names.length === 0 || names.includes(name));
const entryPoints = Object.fromEntries(Object.entries(programs).filter(isWanted));
await bundle({ ...common, entryPoints, outdir: 'dist/bin', banner: { js: `#!/usr/bin/env node\n${banner}` } });
const libraries = Object.entries({ sdk: 'client/sdk.ts', panel: 'panel/sdk.ts', 'panel-testing': 'panel/testing.ts' });
if (names.length === 0 && libraries.every(([, file]) => existsSync(file))) {
  await bundle({ ...common, entryPoints: Object.fromEntries(libraries), outdir: 'dist', packages: 'external' });
}
