/** Tests that sample in `npm test`, here at every point, and the long ones. Run by `npm run trials` before the others: they need no more than a processor each. */
import base from '../../jest.config.js';
import { longTests } from '../long-tests.js';

process.env['PANELET_EXHAUSTIVE'] = '1';

export default {
  ...base,
  rootDir: '../..',
  testMatch: [
    '<rootDir>/test/trials/controller-crash.test.ts',
    '<rootDir>/controller/restart/{crash,host,retire,retire-random,warm-crash,warm-deleted,warm-outside}.test.ts',
    '<rootDir>/controller/restart/decide/next-steps.test.ts',
    '<rootDir>/client/cuts.test.ts',
    '<rootDir>/session/endpoint/endpoint.property.test.ts',
    '<rootDir>/session/model/{restart,takeover,crash,moves}.test.ts',
    '<rootDir>/session/model/two-attachments.property.test.ts',
    '<rootDir>/session/model/ownership/ownership.test.ts',
    '<rootDir>/test/integration/worker-handover.test.ts',
    ...longTests.map((path) => `<rootDir>/${path}`),
  ],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  maxWorkers: 2,
};
