import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram, findInPath, isTooOld, oldestKubectlMinor, versionOfKubectl } from './kubectl-binary.js';

const random = createSystemRandom();
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'panelet-kubectl-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A directory for PATH with a kubectl that says this. */
function binWith(answer: string): string {
  const bin = join(root, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'kubectl'), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
  return bin;
}

const saying = (version: string): string => `echo '{"clientVersion": {"gitVersion": "${version}"}}'`;

/** The npm package, as npm ci has put it there. */
function installPackage(): void {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  symlinkSync(resolve(import.meta.dirname, '../node_modules/@aws-cdk'), join(root, 'node_modules/@aws-cdk'));
}

describe('kubectl', () => {
  test('is taken from PATH when it is there', () => {
    const bin = binWith(saying(`v1.${oldestKubectlMinor}.0-dispatcher`));
    writeFileSync(join(bin, 'helm'), 'not executable', { mode: 0o644 });
    const path = `${join(root, 'nowhere')}:${bin}`;
    expect(ensurePackagedProgram('kubectl', { path, root, random })).toBe(join(bin, 'kubectl'));
    expect(versionOfKubectl(join(bin, 'kubectl'))).toBe(`v1.${oldestKubectlMinor}.0-dispatcher`);
    expect(findInPath('helm', path)).toBeUndefined();
  });

  test.each([
    ['is too old', saying(`v1.${oldestKubectlMinor - 1}.9`)],
    ['says no version', 'echo hello'],
    ['cannot run', 'exit 126'],
  ])('of PATH that %s is passed over for the one of the package', (_what, answer) => {
    const path = binWith(answer);
    expect(() => ensurePackagedProgram('kubectl', { path, root, random })).toThrow(/1\.31.*run npm ci/);
    const taken = join(root, 'node_modules/.cache/panelet/kubectl');
    mkdirSync(dirname(taken), { recursive: true });
    writeFileSync(taken, `#!/bin/sh\n${saying('v1.36.0')}\n`, { mode: 0o755 });
    expect(ensurePackagedProgram('kubectl', { path, root, random })).toBe(taken);
  });

  test.each([
    ['v1.20.2', true],
    ['v1.31.0', false],
    ['v1.100.0', false],
    ['v2.0.0', false],
  ])('%s is too old: %s', (version, expected) => {
    expect(isTooOld(version)).toBe(expected);
  });

  test('is taken out of the package once, and runs', () => {
    installPackage();
    const first = ensurePackagedProgram('kubectl', { root, random });
    const { mtimeMs, mode } = statSync(first);
    expect(mode & 0o777).toBe(0o755);
    expect(execFileSync(first, ['version', '--client'], { encoding: 'utf8' })).toMatch(/Client Version: v1\.\d+/);
    expect(ensurePackagedProgram('kubectl', { root, random })).toBe(first);
    expect(statSync(first).mtimeMs).toBe(mtimeMs);
    expect(readdirSync(join(root, 'node_modules/.cache/panelet'))).toEqual(['kubectl']);
  });

  test('that is nowhere is asked for', () => {
    expect(() => ensurePackagedProgram('kubectl', { root, random })).toThrow(/Install kubectl, or run npm ci/);
  });
});
