/** Tests that need the machine for themselves: one file after the other. Started by `npm run trials`. */
import base from '../../jest.config.js';

// What `npm test` samples is tried at every point.
process.env['PANELET_EXHAUSTIVE'] = '1';

export default {
  ...base,
  rootDir: '../..',
  testMatch: [
    '<rootDir>/test/trials/**/*.test.ts',
    '<rootDir>/controller/restart/{crash,host}.test.ts',
    '<rootDir>/client/cuts.test.ts',
    '<rootDir>/session/model/{restart,takeover,crash}.test.ts',
  ],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  maxWorkers: 1,
};
