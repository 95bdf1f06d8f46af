/**
 * What of others is in the programs that ship, by what the bundler puts into them: dist/THIRD-PARTY-NOTICES.txt, with the texts of the licences, and
 * dist/sbom.cdx.json (CycloneDX). `npm pack` and the image hold both.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { common, page, programs, shippedPrograms } from './programs.mjs';

const root = new URL('..', import.meta.url).pathname;

/** Folders of packages, from the root, that the programs and the page are made of; with those that are loaded as they are. */
async function folders() {
  const entryPoints = shippedPrograms.map((name) => programs[name]);
  const own = { absWorkingDir: root, outdir: 'dist', write: false, metafile: true };
  const made = [await build({ ...common, ...own, entryPoints }), await build({ ...page, ...own })];
  const bundled = made
    .flatMap(({ metafile }) => Object.keys(metafile.inputs))
    .flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set([...bundled, ...common.external.map((name) => `node_modules/${name}`)])].sort();
}

async function noticeOf(folder) {
  const {
    name,
    version,
    license,
    homepage = '',
  } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'));
  const files = (await readdir(join(root, folder))).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(root, folder, file), 'utf8')));
  return {
    name,
    version,
    license,
    text: [`${name} ${version}`, `${license} ${homepage}`.trim(), ...texts].join('\n\n'),
  };
}

/** The bill of the whole lock file, without what only builds and tests. */
function billOf(shipped) {
  const npm = ['sbom', '--package-lock-only', '--sbom-type', 'application', '--sbom-format', 'cyclonedx'];
  const bill = JSON.parse(execFileSync('npm', npm, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }));
  const names = new Set(shipped.map(({ name, version }) => `${name}@${version}`));
  const components = bill.components.filter(({ group, name, version }) =>
    names.has(`${group ? `${group}/` : ''}${name}@${version}`),
  );
  const refs = new Set([bill.metadata.component, ...components].map((component) => component['bom-ref']));
  const dependencies = bill.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }));
  // npm names it after the directory that it is in.
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const metadata = { ...bill.metadata, component: { ...bill.metadata.component, name } };
  return { ...bill, metadata, components, dependencies };
}

const shipped = await Promise.all((await folders()).map(noticeOf));
const unlicensed = shipped.filter(({ license }) => typeof license !== 'string').map(({ name }) => name);
if (unlicensed.length > 0)
  throw new Error(`These packages name no licence, and may not be shipped: ${unlicensed.join(', ')}.`);
await mkdir(join(root, 'dist'), { recursive: true });
const heading = 'Panelet contains software of others, each under its own licence:';
const rule = `\n\n${'─'.repeat(80)}\n\n`;
await writeFile(
  join(root, 'dist/THIRD-PARTY-NOTICES.txt'),
  `${[heading, ...shipped.map(({ text }) => text.trim())].join(rule)}\n`,
);
await writeFile(join(root, 'dist/sbom.cdx.json'), `${JSON.stringify(billOf(shipped), null, 1)}\n`);
