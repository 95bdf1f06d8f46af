import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { environmentVariable } from './support/environment.js';
import { prepare } from './support/preparation.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

interface Flags {
  readonly kubeconfig?: string;
  readonly image?: string;
  readonly keep: boolean;
}

function readFlags(): { flags: Flags; patterns: readonly string[] } {
  const program = new Command('panelet-e2e')
    .description('The main job and everything around it on a real Kubernetes. Without a kubeconfig it makes a cluster.')
    .argument('[patterns...]', 'only test files whose path matches one of these')
    .option(
      '--kubeconfig <file>',
      'cluster to use and to break (PANELET_E2E_KUBECONFIG); without one it makes one (Linux, root, Go)',
    )
    .option('--image <name>', 'image that the nodes can pull or have; with --kubeconfig it is needed')
    .option('--keep', 'leave the cluster and the release', false)
    .parse();
  return { flags: program.opts<Flags>(), patterns: program.args };
}

async function runJest(environmentFile: string, patterns: readonly string[]): Promise<number> {
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  const node = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules', jest];
  const child = spawn(process.execPath, [...node, '--config', join(root, 'test/e2e/jest.config.js'), ...patterns], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, [environmentVariable]: environmentFile },
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

async function main(): Promise<number> {
  const { flags, patterns } = readFlags();
  const preparation = await prepare({
    root,
    env: process.env,
    kubeconfig: flags.kubeconfig ?? process.env['PANELET_E2E_KUBECONFIG'],
    image: flags.image,
    step: (what) => process.stdout.write(`── ${what}\n`),
  });
  const { environment } = preparation;
  const file = join(environment.workDir, 'environment.json');
  writeFileSync(file, JSON.stringify(environment, null, 2));
  try {
    return await runJest(file, patterns);
  } finally {
    await preparation.remove({ keep: flags.keep });
  }
}

process.exit(await main());
