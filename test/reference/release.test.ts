import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { version } from '#common/version.js';

const parts = [
  ...['package.json', 'package-lock.json', 'CHANGELOG.md', '.changeset', 'scripts', 'docs/guide'],
  ...['proto/panelet', 'proto/google', 'proto/grpc', 'proto/buf.yaml', 'proto/stable.txtpb'],
  ...['charts/panelet/Chart.yaml', 'examples/client-python/pyproject.toml'],
];
/** A CHANGELOG in which 1.2.3 is out. */
const released = '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2027-01-31\n\n### Added\n\n- All of it.\n';

let dir: string;
const read = (path: string): string => readFileSync(join(dir, path), 'utf8');
const write = (path: string, text: string): void => writeFileSync(join(dir, path), text);
const change = (name: string, bump: string, text: string): void =>
  write(`.changeset/${name}.md`, `---\n'panelet': ${bump}\n---\n\n${text}\n`);

interface Outcome {
  readonly code: number | null;
  readonly said: string;
}
function run(script: string, ...args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join('scripts', script), ...args], {
    cwd: dir,
    encoding: 'utf8',
  });
  return { code: status, said: stdout + stderr };
}
const prepare = (): Outcome => run('prepare-release.mjs', '--date', '2027-02-28');

/** Makes of the copy a package of which 1.2.3 is out. */
function be123(): void {
  for (const path of ['package.json', 'package-lock.json', 'charts/panelet/Chart.yaml', parts.at(-1) ?? ''])
    write(path, read(path).replaceAll(version, '1.2.3'));
  write('CHANGELOG.md', released);
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'prl-'));
  for (const part of parts) {
    mkdirSync(dirname(join(dir, part)), { recursive: true });
    cpSync(part, join(dir, part), { recursive: true });
  }
  // What is to be released next is none of theirs.
  for (const name of readdirSync(join(dir, '.changeset')))
    if (name.endsWith('.md') && name !== 'README.md') rmSync(join(dir, '.changeset', name));
  symlinkSync(resolve('node_modules'), join(dir, 'node_modules'));
  spawnSync('git', ['init', '--quiet', '--initial-branch', 'main'], { cwd: dir });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the version', () => {
  test('is the same in package.json, lock file, chart, client in Python, guides and CHANGELOG', () => {
    // A wrong tag, so that nothing is built: it is the only thing that is wrong.
    const said = spawnSync(process.execPath, ['scripts/release.mjs', '--dry-run', '--tag', 'v9.9.9'], {
      encoding: 'utf8',
    });
    expect(said.stdout.split('\n').filter((line) => line.startsWith('✗'))).toEqual([
      `✗ The tag is v9.9.9, and the version ${version}.`,
    ]);
    expect(said.status).toBe(1);
  });

  test.each([
    ['package-lock.json', `"version": "${version}"`, '"version": "9.9.9"'],
    ['charts/panelet/Chart.yaml', `\nversion: ${version}`, '\nversion: 9.9.9'],
    ['charts/panelet/Chart.yaml', `appVersion: ${version}`, 'appVersion: 9.9.9'],
    ['examples/client-python/pyproject.toml', `version = "${version}"`, 'version = "9.9.9"'],
    ['docs/guide/image.md', `panelet:${version}`, 'panelet:9.9.9'],
    ['docs/guide/writing-a-client.md', `panelet-${version}.tgz`, 'panelet-9.9.9.tgz'],
  ])('is not released where %s has another one', (path, before, after) => {
    expect(read(path)).toContain(before);
    write(path, read(path).replace(before, after));
    const { code, said } = run('release.mjs', '--tag', `v${version}`);
    expect(said).toContain(`✗ ${path} says 9.9.9, and package.json ${version}.`);
    expect(code).toBe(1);
  });

  test.each([
    ['of which the CHANGELOG says nothing', '# Changelog\n', `✗ CHANGELOG.md says nothing of ${version}.`],
    [
      'without a date',
      `## [${version}] - unreleased\n\n- All of it.\n`,
      `✗ CHANGELOG.md has no date for ${version}: npm run release:prepare.`,
    ],
    [
      'while something is noted for none',
      `## [Unreleased]\n\n### Added\n\n- More.\n\n## [${version}] - 2027-01-31\n\n- All of it.\n`,
      '✗ CHANGELOG.md has entries below [Unreleased]: they belong into .changeset.',
    ],
  ])('is not released %s', (_, changelog, fault) => {
    write('CHANGELOG.md', changelog);
    const { code, said } = run('release.mjs', '--tag', `v${version}`);
    expect(said.split('\n')).toContain(fault);
    expect(code).toBe(1);
  });
});

test('the notes of a release are its section, and lead into the repository at its tag', () => {
  write(
    'CHANGELOG.md',
    '# Changelog\n\n## [1.2.3] - 2027-01-31\n\n- [A guide](docs/guide/x.md#y), [elsewhere](https://example.org).\n\n## [1.2.2] - 2027-01-01\n\n- Old.\n',
  );
  const script = `
    import { readFileSync } from 'node:fs';
    import { notesOf } from './scripts/changelog.mjs';
    const text = readFileSync('CHANGELOG.md', 'utf8');
    for (const repository of [undefined, 'owner/name']) console.log(notesOf(text, '1.2.3', repository));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: dir,
    encoding: 'utf8',
  });
  expect(stdout.trim().split('\n')).toEqual([
    '- [A guide](docs/guide/x.md#y), [elsewhere](https://example.org).',
    '- [A guide](https://github.com/owner/name/blob/v1.2.3/docs/guide/x.md#y), [elsewhere](https://example.org).',
  ]);
});

describe('preparing a release', () => {
  test('gives one that is written already its date, and puts what has come since into it', () => {
    write('CHANGELOG.md', `# Changelog\n\n## [Unreleased]\n\n## [${version}] - unreleased\n\n### Added\n\n- First.\n`);
    change('later', 'patch', 'Windows are drawn.');
    expect(prepare()).toMatchObject({ code: 0 });
    expect(read('CHANGELOG.md')).toBe(
      `# Changelog\n\n## [Unreleased]\n\n## [${version}] - 2027-02-28\n\n### Added\n\n- First.\n\n### Fixed\n\n- Windows are drawn.\n`,
    );
    expect(existsSync(join(dir, '.changeset/later.md'))).toBe(false);
    expect(run('release.mjs', '--tag', 'v9.9.9').said).not.toContain('CHANGELOG.md');
  });

  test('makes a section of the changes, by what they are, and writes the version that follows everywhere', () => {
    be123();
    change('one', 'patch', 'Fixed: A wrong width.\nAnd a height.');
    change('two', 'minor', 'Sessions can be counted.');
    change('three', 'minor', 'Removed: `--old`; use `--new`.');
    const proto = 'proto/panelet/session/v1/session.proto';
    write(
      proto,
      read(proto).replace('message Fin {', 'message Fin {\n  // When nobody is told.\n  string quiet_hours = 7;'),
    );
    expect(run('release.mjs', '--tag', 'v1.2.3').said).toContain('proto/stable.txtpb is not what this release has');
    expect(prepare()).toMatchObject({ code: 0 });
    expect(read('CHANGELOG.md')).toBe(
      released.replace(
        '## [1.2.3]',
        '## [1.3.0] - 2027-02-28\n\n### Added\n\n- Sessions can be counted.\n\n' +
          '### Removed\n\n- `--old`; use `--new`.\n\n### Fixed\n\n- A wrong width.\n  And a height.\n\n## [1.2.3]',
      ),
    );
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '1.3.0' });
    expect(read('charts/panelet/Chart.yaml')).toMatch(/^version: 1\.3\.0\nappVersion: 1\.3\.0$/m);
    expect(read('docs/guide/image.md')).toContain('panelet:1.3.0');
    expect(read('proto/stable.txtpb')).toContain('quiet_hours');
    expect(run('release.mjs', '--tag', 'v9.9.9').said.split('\n')).toEqual([
      '✗ The tag is v9.9.9, and the version 1.3.0.',
      '',
    ]);
    expect(existsSync(join(dir, '.changeset/one.md'))).toBe(false);
    expect(existsSync(join(dir, '.changeset/README.md'))).toBe(true);
  });

  test.each([
    ['without a change', () => undefined, 'Nothing is to be released'],
    ['with a change that says nothing', () => change('empty', 'minor', ''), 'says nothing'],
    ['with one for another package', () => write('.changeset/x.md', "---\n'other': minor\n---\n\nX.\n"), 'begin'],
  ])('does nothing %s', (_, arrange, said) => {
    be123();
    arrange();
    const outcome = prepare();
    expect(outcome.code).toBe(1);
    expect(outcome.said).toContain(said);
    expect(read('CHANGELOG.md')).toBe(released);
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '1.2.3' });
  });
});
