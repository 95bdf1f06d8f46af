/** Bundles the programs that ship, the SDK, and the tools around them, into dist/; with names, only the programs of these names. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { build } from 'esbuild';

const banner =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);";
const programs = {
  'panelet-agent': 'agent/main.ts',
  'panelet-worker': 'worker/main.ts',
  'panelet-controller': 'controller/main.ts',
  panelet: 'client/cli/main.ts',
  'panelet-devcluster': 'devcluster/main.ts',
  'panelet-demo': 'examples/demo/main.ts',
  'panelet-pictures': 'test/pictures/main.ts',
  'panelet-soak': 'test/soak/main.ts',
  'panelet-handovers': 'test/handovers/main.ts',
  'panelet-bench-relay': 'test/bench/relay-main.ts',
  'panelet-bench-gap': 'test/bench/gap-main.ts',
  'panelet-bench-fleet': 'test/bench/fleet-main.ts',
  'panelet-bench-handover': 'test/bench/handover-main.ts',
  'panelet-bench-footprint': 'test/bench/footprint-main.ts',
  'panelet-bench-smoke': 'test/bench/smoke-main.ts',
  'panelet-bench-plain-echo': 'test/bench/plain-echo-main.ts',
  'panelet-e2e': 'test/e2e/main.ts',
  'panelet-chaos': 'test/chaos/main.ts',
  'panelet-attack': 'test/attack/main.ts',
  'panelet-attacker': 'test/attack/attacker-main.ts',
  'panelet-stub-worker': 'test/support/agent/stub-worker-main.ts',
  'panelet-endurance': 'test/attack/endurance-main.ts',
};

const common = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['panelet-source'],
  keepNames: true,
  logLevel: 'warning',
  // The PTY package loads its native file from beside itself.
  external: ['@lydell/node-pty'],
};

/** Replaces each file at once, so that a program that starts meanwhile never reads half of one. */
async function bundle(options) {
  const { outputFiles } = await build({ ...options, write: false });
  for (const { path, contents } of outputFiles) {
    const temporary = `${path}.${String(process.pid)}.tmp`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, contents);
    await chmod(temporary, 0o755);
    await rename(temporary, path);
  }
}

const names = process.argv.slice(2);
const isWanted = ([name, file]) => existsSync(file) && (names.length === 0 || names.includes(name));
const entryPoints = Object.fromEntries(Object.entries(programs).filter(isWanted));
await bundle({ ...common, entryPoints, outdir: 'dist/bin', banner: { js: `#!/usr/bin/env node\n${banner}` } });
const libraries = Object.entries({ sdk: 'client/sdk.ts', panel: 'panel/sdk.ts', 'panel-testing': 'panel/testing.ts' });
if (names.length === 0 && libraries.every(([, file]) => existsSync(file))) {
  await bundle({ ...common, entryPoints: Object.fromEntries(libraries), outdir: 'dist', packages: 'external' });
}
