/** Tests that need the machine for themselves: one file after the other. Run by `npm run trials`. */
import base from '../../jest.config.js';

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/trials/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/test/trials/controller-crash'],
  maxWorkers: 1,
};
