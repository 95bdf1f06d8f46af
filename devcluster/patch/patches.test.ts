import { describe, expect, test } from '@jest/globals';
import { builtinSchema, builtinSchemas } from '../kinds/builtin-schemas.js';
import { isStatusError } from '../store/status-error.js';
import { applyJsonPatch } from './json-patch.js';
import { applyMergePatch } from './merge-patch.js';
import { applyStrategicMerge } from './strategic-merge.js';

const json = (target: unknown, patch: unknown): unknown => applyJsonPatch(target, patch);
const podSchema = builtinSchema('io.k8s.api.core.v1.Pod');
const strategic = (target: unknown, patch: unknown): unknown =>
  applyStrategicMerge(builtinSchemas, podSchema, target, patch);

describe('a merge patch', () => {
  // The examples of RFC 7396, appendix A.
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('turns %j by %j into %j', (target, patch, result) => {
    expect(applyMergePatch(target, patch)).toEqual(result);
  });
});

describe('a JSON patch', () => {
  test.each([
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    [{ a: 1 }, [{ op: 'replace', path: '/a', value: { x: 1 } }], { a: { x: 1 } }],
    [{ a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    [{ a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
    [
      { 'a/b': 1, 'c~d': 2 },
      [
        { op: 'remove', path: '/a~1b' },
        { op: 'remove', path: '/c~0d' },
      ],
      {},
    ],
    [
      { a: 1 },
      [
        { op: 'test', path: '/a', value: 1 },
        { op: 'add', path: '/b', value: 2 },
      ],
      { a: 1, b: 2 },
    ],
  ])('turns %j by %j into %j', (target, patch, result) => {
    expect(json(target, patch)).toEqual(result);
  });

  test.each([
    [[{ op: 'test', path: '/a', value: 2 }], /testing value \/a failed/],
    [[{ op: 'remove', path: '/b' }], /missing/],
    [[{ op: 'add', path: '/b/c', value: 1 }], /missing path/],
    [[{ op: 'jump', path: '/a' }], /Unexpected kind: jump/],
    [{ a: 1 }, /error decoding patch/],
  ])('%j is refused', (patch, why) => {
    let refusal: unknown;
    try {
      json({ a: 1 }, patch);
    } catch (error) {
      refusal = error;
    }
    expect(isStatusError(refusal) && ((refusal.cause as Error | undefined) ?? refusal).message).toMatch(why);
  });

  test('changes nothing in place', () => {
    const target = { a: [1] };
    json(target, [{ op: 'add', path: '/a/-', value: 2 }]);
    expect(target).toEqual({ a: [1] });
  });
});

describe('a strategic merge patch', () => {
  const pod = {
    metadata: { labels: { a: '1' }, finalizers: ['x/1', 'x/2'] },
    spec: {
      containers: [
        { name: 'one', image: 'a:1', env: [{ name: 'E', value: '1' }], args: ['x'] },
        { name: 'two', image: 'b:1' },
      ],
      tolerations: [{ key: 'k', operator: 'Exists' }],
    },
  };

  test('merges containers and their variables by name and replaces plain lists', () => {
    const containers = [
      { name: 'one', env: [{ name: 'F', value: '2' }], args: ['y'] },
      { name: 'three', image: 'c:1' },
    ];
    expect(strategic(pod, { spec: { containers } })).toMatchObject({
      spec: {
        containers: [
          {
            name: 'one',
            image: 'a:1',
            env: [
              { name: 'E', value: '1' },
              { name: 'F', value: '2' },
            ],
            args: ['y'],
          },
          { name: 'two', image: 'b:1' },
          { name: 'three', image: 'c:1' },
        ],
        tolerations: [{ key: 'k', operator: 'Exists' }],
      },
    });
    expect(strategic(pod, { spec: { tolerations: [{ key: 'l' }] } })).toMatchObject({
      spec: { tolerations: [{ key: 'l' }] },
    });
  });

  test('deletes, replaces and orders by directives', () => {
    const gone = { spec: { containers: [{ $patch: 'delete', name: 'one' }] } };
    expect(strategic(pod, gone)).toMatchObject({ spec: { containers: [{ name: 'two' }] } });
    const only = { spec: { containers: [{ $patch: 'replace' }, { name: 'only', image: 'd:1' }] } };
    expect(strategic(pod, only)).toMatchObject({ spec: { containers: [{ name: 'only', image: 'd:1' }] } });
    const ordered = {
      spec: {
        $setElementOrder: undefined,
        '$setElementOrder/containers': [{ name: 'new' }, { name: 'two' }],
        containers: [{ name: 'new', image: 'n:1' }],
      },
    };
    const names = (strategic(pod, ordered) as typeof pod).spec.containers.map((container) => container.name);
    expect(names).toEqual(['new', 'one', 'two']);
    expect(strategic(pod, { metadata: { labels: { $patch: 'replace', b: '2' } } })).toMatchObject({
      metadata: { labels: { b: '2' } },
    });
  });

  test('merges plain lists as sets where the schema says so', () => {
    expect(strategic(pod, { metadata: { finalizers: ['x/2', 'x/3'] } })).toMatchObject({
      metadata: { finalizers: ['x/1', 'x/2', 'x/3'] },
    });
    expect(strategic(pod, { metadata: { '$deleteFromPrimitiveList/finalizers': ['x/1'] } })).toMatchObject({
      metadata: { finalizers: ['x/2'] },
    });
  });

  test('keeps only the fields it is told to retain', () => {
    const volumes = [{ name: 'v', hostPath: { path: '/a' } }];
    const patch = { spec: { volumes: [{ $retainKeys: ['name', 'emptyDir'], name: 'v', emptyDir: {} }] } };
    expect(strategic({ spec: { volumes } }, patch)).toEqual({ spec: { volumes: [{ name: 'v', emptyDir: {} }] } });
  });

  test('is refused when an item lacks the key it is merged by', () => {
    expect(() => strategic(pod, { spec: { containers: [{ image: 'x' }] } })).toThrow(
      /does not contain declared merge key: name/,
    );
  });
});
