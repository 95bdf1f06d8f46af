import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { outputOf, startProgram, type RunningProgram } from '../e2e/support/run-program.js';
import { findPython, hasGo } from './strange-tools.js';

/** The client in 20 lines in some language: it sends what it reads to the panel "echo", and prints what comes back. */
export interface Cat {
  readonly language: string;
  /** Whether this machine has what it needs. */
  readonly isThere: boolean;
  /** Builds it, where that is done. @returns what starts it, and what removes it */
  readonly build: () => Promise<BuiltCat>;
}

/** A client that can be started. */
export interface BuiltCat {
  start(addresses: readonly string[]): RunningProgram;
  remove(): void;
}

const pythonDirectory = 'examples/client-python';
const environment = (addresses: readonly string[], pythonPath = pythonDirectory): Record<string, string> => ({
  PANELET_ADDRESS: addresses.join(','),
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONPATH: pythonPath,
});
const interpreted = (program: string, file: string): Promise<BuiltCat> =>
  Promise.resolve({
    start: (addresses) => startProgram(program, [file], { env: environment(addresses) }),
    remove: () => undefined,
  });

/** Generates what the client in Go is built with, and runs Go there. @throws when that fails, with what it said */
export async function runGo(...args: readonly string[]): Promise<string> {
  // What Go has fetched and built before is in the HOME of whoever runs the tests, not in that of a test.
  const options = { cwd: 'examples/client-go', env: { HOME: userInfo().homedir } };
  const generate = ['generate', '../../proto', '--path', '../../proto/panelet/session'];
  await outputOf('../../node_modules/.bin/buf', generate, options);
  return outputOf('go', args, options);
}

async function buildGo(): Promise<BuiltCat> {
  const dir = mkdtempSync(join(tmpdir(), 'pg-'));
  // As the guide says it, but for where the program is put.
  await runGo('vet', './...');
  await runGo('build', '-o', join(dir, 'cat'), './cat');
  return {
    start: (addresses) => startProgram(join(dir, 'cat'), [], { env: environment(addresses) }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Whether this machine has what `faultyCat` needs. */
export function hasPythonCat(): boolean {
  return findPython('grpc', 'google.protobuf') !== undefined;
}

/** The one in Python from a copy of its client in whose `link.py` something else stands. @throws where that has no `before` */
export function faultyCat(before: string, after: string): BuiltCat {
  const dir = mkdtempSync(join(tmpdir(), 'pf-'));
  cpSync(pythonDirectory, dir, { recursive: true });
  const link = join(dir, 'panelet_client/link.py');
  const text = readFileSync(link, 'utf8');
  if (!text.includes(before)) throw new Error(`link.py has no "${before}".`);
  writeFileSync(link, text.replace(before, after));
  const python = findPython('grpc', 'google.protobuf') ?? 'python3';
  return {
    start: (addresses) => startProgram(python, [join(dir, 'cat.py')], { env: environment(addresses, dir) }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** One in each language. */
export function cats(): readonly Cat[] {
  const python = findPython('grpc', 'google.protobuf');
  return [
    {
      language: 'TypeScript',
      isThere: true,
      build: () => interpreted(process.execPath, 'examples/client-typescript/cat.js'),
    },
    {
      language: 'Python',
      isThere: python !== undefined,
      build: () => interpreted(python ?? 'python3', `${pythonDirectory}/cat.py`),
    },
    { language: 'Go', isThere: hasGo(), build: buildGo },
  ];
}
