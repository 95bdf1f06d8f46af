import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

const environment = (addresses: readonly string[]): Record<string, string> => ({
  PANELET_ADDRESS: addresses.join(','),
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONPATH: 'examples/client-python',
});
const interpreted = (program: string, file: string): Promise<BuiltCat> =>
  Promise.resolve({
    start: (addresses) => startProgram(program, [file], { env: environment(addresses) }),
    remove: () => undefined,
  });

async function buildGo(): Promise<BuiltCat> {
  const cwd = 'examples/client-go';
  const dir = mkdtempSync(join(tmpdir(), 'pg-'));
  // As the guide says it, but for where the program is put.
  await outputOf('../../node_modules/.bin/buf', ['generate', '../../proto', '--path', '../../proto/panelet/session'], {
    cwd,
  });
  await outputOf('go', ['vet', './...'], { cwd });
  await outputOf('go', ['build', '-o', join(dir, 'cat'), './cat'], { cwd });
  return {
    start: (addresses) => startProgram(join(dir, 'cat'), [], { env: environment(addresses) }),
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
      build: () => interpreted(python ?? 'python3', 'examples/client-python/cat.py'),
    },
    { language: 'Go', isThere: hasGo(), build: buildGo },
  ];
}
