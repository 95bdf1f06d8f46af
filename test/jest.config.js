/** What `npm test` runs: everything but the long tests. */
import base from '../jest.config.js';
import { longTests } from './long-tests.js';

export default {
  ...base,
  rootDir: '..',
  testPathIgnorePatterns: [
    ...base.testPathIgnorePatterns,
    ...longTests.map((path) => `/${path.replaceAll('.', '\\.')}$`),
  ],
};
