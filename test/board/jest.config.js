/** `npm run test:board`: the page of the board in a real browser. */
import base from '../../jest.config.js';

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/board/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  // One browser at a time.
  maxWorkers: 1,
};
