import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { endProcess, freePort, hasEnded } from '../relay/processes.js';

/** A program, and how it is seen that it serves. */
export interface Starter {
  readonly name: string;
  /** Prepares one start in a new directory. */
  readonly prepare: (dir: string) => Promise<Prepared>;
}

interface Prepared {
  readonly args: readonly string[];
  /** Looked at again and again. @default it has written something to standard output */
  readonly serves?: (written: string) => boolean | Promise<boolean>;
}

/** Where programs are, and a cluster for the controller. */
export interface StarterOptions {
  readonly binDirectory: string;
  readonly kubeconfig: string;
  readonly namespace: string;
}

const limitMs = 30_000;
const pollMs = 2;

/** The programs of a node and of a cluster, and the empty program that nothing can be faster than. */
export function starters({ binDirectory, kubeconfig, namespace }: StarterOptions): readonly Starter[] {
  const program = (name: string): string => join(binDirectory, `${name}.js`);
  return [
    { name: 'node, empty', prepare: () => Promise.resolve({ args: ['-e', 'process.stdout.write("up")'] }) },
    { name: 'panelet', prepare: () => Promise.resolve({ args: [program('panelet'), 'version'] }) },
    {
      name: 'worker echo',
      prepare: (dir) => {
        const socket = join(dir, 'w.sock');
        const own = [
          '--panel',
          'echo',
          '--socket',
          socket,
          '--state-dir',
          join(dir, 'state'),
          '--node',
          'node-a',
          '--target',
          'agent',
        ];
        return Promise.resolve({ args: [program('panelet-worker'), ...own], serves: () => existsSync(socket) });
      },
    },
    {
      name: 'agent',
      prepare: async (dir) => {
        mkdirSync(join(dir, 'panels.d'));
        const config = join(dir, 'agent.yaml');
        const text = {
          ...{ node: 'node-a', listen: `127.0.0.1:${await freePort()}`, panelsDir: join(dir, 'panels.d'), panels: [] },
          ...{ runDir: join(dir, 'run'), stateDir: join(dir, 'state'), identity: { insecureLoopback: true } },
        };
        writeFileSync(config, JSON.stringify(text));
        return {
          args: [program('panelet-agent'), '--config', config],
          serves: (written) => written.includes('Agent serves'),
        };
      },
    },
    {
      name: 'controller',
      prepare: async (dir) => {
        const token = join(dir, 'token');
        writeFileSync(token, 'a-token\n');
        const health = `127.0.0.1:${await freePort()}`;
        const cluster = ['--kubeconfig', kubeconfig, '--namespace', namespace, '--gate-token-file', token];
        return {
          args: [program('panelet-controller'), ...cluster, '--health-address', health],
          serves: () => isReady(`http://${health}/readyz`),
        };
      },
    },
  ];
}

/** Starts a program once. @returns milliseconds from its start until it serves */
export async function startMs(
  starter: Starter,
  options: { readonly dir: string; readonly clock: Clock },
): Promise<number> {
  const dir = mkdtempSync(join(options.dir, 'start-'));
  const { args, serves = (written) => written !== '' } = await starter.prepare(dir);
  const { clock } = options;
  const from = clock.nowMs();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: dir });
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (written += bytes.toString()));
  const error = (): Error => new Error(`${starter.name} did not start: ${written.slice(-2000)}`);
  try {
    await withDeadline({ clock, limitMs, error }, async (signal) => {
      while (!(await serves(written))) {
        if (hasEnded(child) && written === '') throw error();
        await sleep(clock, pollMs, signal);
      }
    });
    return clock.nowMs() - from;
  } finally {
    await endProcess(child, clock);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status === 200;
  } catch {
    return false;
  }
}
