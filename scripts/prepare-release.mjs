/**
 * `npm run release:prepare [-- --date YYYY-MM-DD]`: makes of what is in .changeset a section of the CHANGELOG, and writes the version that
 * follows wherever one stands; proto/stable.txtpb is what this release promises. A version whose section says "unreleased" is released as it is, with these changes in it. Commits nothing.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readChange, release, sectionOf } from './changelog.mjs';
import { writeStableProtos } from './stable-protos.mjs';
import { versionOfPackage, writeVersion } from './versions.mjs';

/** Writes the release. @returns its tag @throws where there is nothing to release, or a change is not as it should be */
function prepare(date) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) throw new Error(`--date ${date} is no date such as 2027-01-31.`);
  const files = readdirSync('.changeset')
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .map((name) => join('.changeset', name));
  const changes = files.map((file) => readChange(file, readFileSync(file, 'utf8')));
  const changelog = readFileSync('CHANGELOG.md', 'utf8');
  if (sectionOf(changelog, versionOfPackage())?.date === 'unreleased') {
    for (const file of files) rmSync(file);
  } else {
    if (changes.length === 0) throw new Error('Nothing is to be released: .changeset has no change.');
    const changeset = join('node_modules/.bin/changeset');
    const { status } = spawnSync(changeset, ['version'], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw new Error('"changeset version" has failed.');
  }
  const version = versionOfPackage();
  writeFileSync('CHANGELOG.md', release(changelog, { version, date, changes }));
  writeVersion(version);
  writeStableProtos();
  return `v${version}`;
}

try {
  const { values } = parseArgs({ options: { date: { type: 'string' } } });
  const tag = prepare(values.date ?? new Date().toISOString().slice(0, 10));
  console.log(
    `${tag} is prepared. Read CHANGELOG.md, try "npm run release -- --dry-run", commit, and push the tag ${tag}.`,
  );
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
