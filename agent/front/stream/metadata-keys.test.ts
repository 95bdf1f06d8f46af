import { expect, test } from '@jest/globals';
import { metadataKeysOf } from './metadata-keys.js';

test('takes the keys that a worker names, once each', () => {
  expect([...metadataKeysOf({ metadataKeys: ['x-row', 'trace.id', 'key_1-bin', 'x-row'] })]).toEqual([
    'x-row',
    'trace.id',
    'key_1-bin',
  ]);
  expect(metadataKeysOf({ metadataKeys: [] }).size).toBe(0);
});

test.each([
  ['grpc-status', 'of gRPC'],
  ['grpc-x', 'of gRPC'],
  [':status', 'a pseudo-header'],
  ['connection', 'of a connection'],
  ['http2-settings', 'of a connection'],
  ['te', 'of a connection'],
  ['host', 'of HTTP'],
  ['content-length', 'of HTTP'],
  ['content-type', 'of HTTP'],
  ['X-Row', 'not in lower case'],
  ['x row', 'not of the alphabet'],
  ['x\r\ny', 'not of the alphabet'],
  ['', 'empty'],
  ['x'.repeat(65), 'too long'],
])('leaves out %j, which is %s', (key) => {
  expect([...metadataKeysOf({ metadataKeys: ['x-first', key, 'x-last'] })]).toEqual(['x-first', 'x-last']);
});

test('takes 32 keys at most', () => {
  const metadataKeys = Array.from({ length: 1_000 }, (_, index) => `x-${index}`);
  expect([...metadataKeysOf({ metadataKeys })]).toEqual(metadataKeys.slice(0, 32));
});
