/** The programs of the repository, and how they are bundled. */
/** What a bundle of modules begins with. */
export const banner =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);";
/** Main files by program: what ships first, then the tools around it. */
export const programs = {
  'panelet-agent': 'agent/main.ts',
  'panelet-worker': 'worker/main.ts',
  'panelet-controller': 'controller/main.ts',
  panelet: 'client/cli/main.ts',
  'panelet-devcluster': 'devcluster/main.ts',
  'panelet-demo': 'examples/demo/main.ts',
  'panelet-pictures': 'test/pictures/main.ts',
  'panelet-soak': 'test/soak/main.ts',
  'panelet-restarts': 'test/restarts/main.ts',
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

/** Options of esbuild for all of them. */
export const common = {
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

/** Programs that the package and the image hold. */
export const shippedPrograms = ['panelet-agent', 'panelet-worker', 'panelet-controller', 'panelet'];

/** The page of the board: options of esbuild for what a browser loads. */
export const page = {
  entryPoints: { board: 'client/board/page/main.tsx' },
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: ['chrome120', 'firefox121', 'safari17'],
  conditions: ['panelet-source'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
};
