import { describe, expect, test } from '@jest/globals';
import { checkUidRange, defaultUidRange, readUidRange } from './uid-range.js';

const node = '         0          0 4294967295\n';

describe('the range of uids', () => {
  test('is the default where nothing is said', () => {
    expect(readUidRange(undefined)).toEqual(defaultUidRange);
    expect(readUidRange('{"first":80000}')).toEqual({ ...defaultUidRange, first: 80_000 });
    checkUidRange(defaultUidRange, node);
  });

  test.each([
    ['no JSON', '70000-80000', /must be JSON/],
    ['a key that does not exist', '{"start":70000}', /must be JSON/],
    ['root', '{"first":0}', /must be JSON/],
    ['one uid for two', '{"identities":{"ann":110000,"bob":110000}}', /two identities/],
    ['a mapped uid that others may get', '{"identities":{"ann":70001}}', /also in the range/],
  ])('is refused: %s', (_what, text, message) => {
    expect(() => readUidRange(text)).toThrow(message);
  });

  test('may not reach into the uids of people, but in a user namespace', () => {
    const range = { first: 20_000, count: 1000, identities: {} };
    expect(() => checkUidRange(range, node)).toThrow(/node's people/);
    checkUidRange(range, '0 1310720 65536\n');
  });

  test('must exist in the user namespace', () => {
    expect(() => checkUidRange(defaultUidRange, '0 1310720 65536\n')).toThrow(/uid 70000 does not exist/);
  });
});
