/** End-to-end tests: one after the other, for they share a cluster. Started by `npm run e2e`. */
import base from '../../jest.config.js';

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/e2e/**/*.e2e.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  // Not tidied up: parts of the cluster are started by tests and go on after them.
  testEnvironment: 'node',
  reporters: [
    './test/e2e/support/progress-reporter.js',
    ...base.reporters.filter((reporter) => !reporter.includes('tidy')),
  ],
  setupFilesAfterEnv: ['./test/e2e/support/second-try.js'],
  maxWorkers: 1,
  testTimeout: 300_000,
  testSequencer: '<rootDir>/test/e2e/support/in-order.js',
};
