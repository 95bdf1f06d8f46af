import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

/** The programs of a node, bundled for one test, so that no other build gets in its way. */
export interface BundledNodePrograms {
  readonly binDirectory: string;
  remove(): void;
}

/** Bundles agent and worker into a directory of their own. */
export async function bundleNodePrograms(root: string): Promise<BundledNodePrograms> {
  const directory = mkdtempSync(join(tmpdir(), 'panelet-bin-'));
  const names = "import { createRequire as bundleRequire } from 'node:module';";
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  // The PTY package loads its native file from beside itself.
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  await build({
    absWorkingDir: root,
    entryPoints: { 'panelet-agent': 'agent/main.ts', 'panelet-worker': 'worker/main.ts' },
    ...{ outdir: directory, bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'warning' },
    conditions: ['panelet-source'],
    external: ['@lydell/node-pty'],
    banner: { js: `${names} const require = bundleRequire(import.meta.url);` },
  });
  return { binDirectory: directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
