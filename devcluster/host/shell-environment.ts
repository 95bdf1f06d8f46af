import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { replaceFileSync } from '#common/files/replace-file.js';
import { PaneletError } from '#common/errors/errors.js';
import { runningCluster } from './cluster-lock.js';
import { quoteForShell } from './quote-for-shell.js';

/** What a shell needs to use a dev cluster. */
export interface ShellEnvironment {
  /** Directory of the dev cluster. */
  readonly dir: string;
  readonly kubeconfig: string;
  /** Of the agent that commands without a node mean, `host:port`. */
  readonly address: string;
  readonly tokenFile: string;
  /** Programs by the name that they are called by. */
  readonly programs: Readonly<Record<string, string>>;
}

const fileIn = (dir: string): string => join(dir, 'env.sh');

/**
 * Writes `bin/`, with the programs, and `env.sh`, with lines that a shell can take, into the directory of a dev cluster.
 * @returns a function that takes `env.sh` away.
 */
export function writeShellEnvironment({ dir, programs, ...rest }: ShellEnvironment): () => void {
  const bin = join(dir, 'bin');
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin);
  for (const [name, file] of Object.entries(programs)) symlinkSync(file, join(bin, name));
  const lines = [
    `export PATH=${quoteForShell(bin)}:"$PATH"`,
    `export KUBECONFIG=${quoteForShell(rest.kubeconfig)}`,
    // So that kubectl, too, leaves nothing outside of the directory.
    `export KUBECACHEDIR=${quoteForShell(join(dir, 'kubectl-cache'))}`,
    `export PANELET_ADDRESS=${quoteForShell(rest.address)}`,
    `export PANELET_TOKEN_FILE=${quoteForShell(rest.tokenFile)}`,
  ];
  const file = fileIn(dir);
  replaceFileSync(file, `${lines.join('\n')}\n`);
  return () => rmSync(file, { force: true });
}

/** The lines for the dev cluster that runs in a directory. @throws CONFIG_INVALID when none does. */
export function readShellEnvironment(directory: string): string {
  const dir = resolve(directory);
  try {
    if (runningCluster(dir) !== undefined) return readFileSync(fileIn(dir), 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new PaneletError('CONFIG_INVALID', `The dev cluster in ${dir} has not started yet. Try again in a moment.`);
  }
  const message = `No dev cluster runs in ${dir}. Start one in another terminal (npm start), or name its directory with --dir.`;
  throw new PaneletError('CONFIG_INVALID', message);
}
