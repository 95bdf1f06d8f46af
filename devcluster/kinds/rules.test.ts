import { describe, expect, test } from '@jest/globals';
import type { AnyObject } from '../store/kube-object.js';
import { validateConfigMap } from './config-map-rules.js';
import { validateDaemonSet } from './daemon-set-rules.js';
import { validateLease } from './lease-rules.js';

const object = (fields: object): AnyObject => ({ apiVersion: '', kind: '', metadata: { name: 'x' }, ...fields });
const texts = (causes: readonly { field: string; message: string }[]): string[] =>
  causes.map(({ field, message }) => `${field}: ${message}`);

describe('a config map', () => {
  test('has keys that may be file names, each once', () => {
    const causes = validateConfigMap(object({ data: { 'a b': '', 'c.d': '' }, binaryData: { 'c.d': '' } }), undefined);
    expect(texts(causes)).toEqual([
      expect.stringMatching(/^data\[a b\]: Invalid value: "a b": a valid config key must consist of/),
      'data[c.d]: Invalid value: "c.d": duplicate of key present in binaryData',
    ]);
  });

  test('that is immutable stays as it is, but for its metadata', () => {
    const old = object({ immutable: true, data: { a: '1' } });
    const labelled = { ...old, metadata: { name: 'x', labels: { a: 'b' } } };
    expect(validateConfigMap(labelled, old)).toEqual([]);
    expect(texts(validateConfigMap(object({ data: { a: '2' } }), old))).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

test('a lease lasts some time and counts from 0', () => {
  expect(texts(validateLease(object({ spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } })))).toEqual([
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  ]);
  expect(validateLease(object({ spec: { holderIdentity: 'a' } }))).toEqual([]);
});

describe('a rolling update', () => {
  const path = 'spec.updateStrategy.rollingUpdate';
  test.each([
    [{ maxUnavailable: 1, maxSurge: 0 }, []],
    [{ maxUnavailable: 0, maxSurge: '10%' }, []],
    [{ maxUnavailable: '0%', maxSurge: 0 }, [`${path}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`]],
    [
      { maxUnavailable: '120%', maxSurge: 0 },
      [`${path}.maxUnavailable: Invalid value: "120%": must not be greater than 100%`],
    ],
    [
      { maxUnavailable: 1, maxSurge: 1 },
      [`${path}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero`],
    ],
  ])('with %j', (rollingUpdate, expected) => {
    const spec = {
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Always' },
      },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
    };
    expect(texts(validateDaemonSet(object({ spec }), undefined))).toEqual(expected);
  });
});
