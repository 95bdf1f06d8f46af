import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build, stop } from 'esbuild';

/** Programs bundled for one test, so that no other build gets in its way. */
export interface BundledPrograms {
  readonly binDirectory: string;
  remove(): void;
}

/** The programs of a node. */
export const nodePrograms = { 'panelet-agent': 'agent/main.ts', 'panelet-worker': 'worker/main.ts' };

/** Bundles programs, given by name with their main file, into a directory of their own. */
export async function bundlePrograms(
  root: string,
  entryPoints: Readonly<Record<string, string>>,
): Promise<BundledPrograms> {
  const directory = mkdtempSync(join(tmpdir(), 'panelet-bin-'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  // The PTY package loads its native file from beside itself.
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const require = "import { createRequire as bundleRequire } from 'node:module';";
  await build({
    absWorkingDir: root,
    entryPoints,
    ...{ outdir: directory, bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'warning' },
    conditions: ['panelet-source'],
    external: ['@lydell/node-pty'],
    banner: { js: `${require} const require = bundleRequire(import.meta.url);` },
  });
  // Its service process would go on.
  await stop();
  return { binDirectory: directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
