/** Unit tests stand beside their file; tests of real processes are in test/. Bundles are built before (npm test). */
export default {
  testEnvironment: './test/support/tidy-environment.js',
  reporters: ['default', './test/support/tidy-reporter.js', './test/support/plain-line-reporter.js'],
  testEnvironmentOptions: { customExportConditions: ['panelet-source', 'node', 'node-addons'] },
  // Three for two processors: what starts processes mostly waits for them.
  maxWorkers: 3,
  // Modules of finished files stay in memory (nodejs/node#33439): a worker that has grown is replaced between files.
  workerIdleMemoryLimit: '600MB',
  // For what hangs. A machine that others use, too, may take many times what a test needs.
  testTimeout: 60_000,
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/test/e2e/', '/test/trials/', '/test/board/'],
  modulePathIgnorePatterns: ['/dist/'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript' },
          target: 'es2022',
          experimental: { keepImportAttributes: true },
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
};
