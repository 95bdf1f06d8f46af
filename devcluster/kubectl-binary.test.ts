import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram, findInPath } from './kubectl-binary.js';

const random = createSystemRandom();
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'panelet-kubectl-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('kubectl', () => {
  test('is taken from PATH when it is there', () => {
    const bin = join(root, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'kubectl'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(bin, 'helm'), 'not executable', { mode: 0o644 });
    const path = `${join(root, 'nowhere')}:${bin}`;
    expect(ensurePackagedProgram('kubectl', { path, root, random })).toBe(join(bin, 'kubectl'));
    expect(findInPath('helm', path)).toBeUndefined();
  });

  test('is taken out of the package once, and runs', () => {
    mkdirSync(join(root, 'node_modules'));
    symlinkSync(resolve(import.meta.dirname, '../node_modules/@aws-cdk'), join(root, 'node_modules/@aws-cdk'));
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
