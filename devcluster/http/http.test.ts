import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import { builtinKinds } from '../kinds/builtin-kinds.js';
import type { AnyObject } from '../store/kube-object.js';
import { goText } from '../patch/go-text.js';
import { negotiateShape, parseMediaTypes } from './wire/media-type.js';
import { createPager } from './wire/pager.js';
import { readProtobufBody } from './wire/protobuf-body.js';
import { findTarget } from './wire/request-target.js';

describe('a path', () => {
  const find = (path: string): string | undefined => {
    const target = findTarget(builtinKinds, path);
    if (target === undefined) return undefined;
    const { served, namespace = '-', name = '-', subresource = '-' } = target;
    return `${served.kind.group}/${served.kind.plural} ${namespace} ${name} ${subresource}`;
  };

  test.each([
    ['/api/v1/pods', '/pods - - -'],
    ['/api/v1/namespaces/ns/pods', '/pods ns - -'],
    ['/api/v1/namespaces/ns/pods/p', '/pods ns p -'],
    ['/api/v1/namespaces/ns/pods/p/status', '/pods ns p status'],
    ['/api/v1/namespaces/ns/pods/p/log', '/pods ns p log'],
    ['/api/v1/namespaces', '/namespaces - - -'],
    ['/api/v1/namespaces/ns', '/namespaces - ns -'],
    ['/api/v1/namespaces/ns/status', '/namespaces - ns status'],
    ['/api/v1/nodes/n', '/nodes - n -'],
    ['/apis/apps/v1/namespaces/ns/daemonsets/d', 'apps/daemonsets ns d -'],
    ['/apis/events.k8s.io/v1/events', 'events.k8s.io/events - - -'],
  ])('%s is about %s', (path, about) => {
    expect(find(path)).toBe(about);
  });

  test.each([
    '/',
    '/api',
    '/api/v1',
    '/apis/apps/v1',
    '/api/v2/pods',
    '/api/v1/pods/p',
    '/api/v1/namespaces/ns/nodes',
    '/api/v1/namespaces/ns/nodes/n',
    '/api/v1/namespaces/ns/pods/p/exec/more',
    '/api/v1/namespaces/ns/configmaps/c/status',
    '/api/v1/namespaces/ns/pods/p/log/more',
  ])('%s is about nothing', (path) => {
    expect(find(path)).toBeUndefined();
  });
});

describe('a media type', () => {
  test('is read with its parameters', () => {
    expect(parseMediaTypes('application/json;as=Table;v=v1, text/plain; q=0.5')).toEqual([
      { type: 'application/json', parameters: { as: 'Table', v: 'v1' } },
      { type: 'text/plain', parameters: { q: '0.5' } },
    ]);
  });

  test.each([
    [undefined, 'object'],
    ['*/*', 'object'],
    ['application/vnd.kubernetes.protobuf,application/json', 'object'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'table'],
    ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', 'object'],
    ['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'metadata'],
    ['application/vnd.kubernetes.protobuf', undefined],
  ])('%s asks for %s', (accept, shape) => {
    expect(negotiateShape(accept)).toBe(shape);
  });
});

describe('a pager', () => {
  const items = ['a', 'b', 'c'].map((name): AnyObject => ({ apiVersion: 'v1', kind: 'X', metadata: { name } }));

  test('forgets the rest of a list after five minutes', () => {
    const clock = createFakeClock();
    const pager = createPager(clock, createSeededRandom(1));
    const page = pager.first(items, '7', 2);
    clock.advance(299_000);
    expect(pager.next(page.continue ?? '', 2)).toMatchObject({
      resourceVersion: '7',
      items: [{ metadata: { name: 'c' } }],
    });
    clock.advance(2_000);
    expect(() => pager.next(page.continue ?? '', 2)).toThrow(/The provided continue parameter is too old/);
    expect(() => pager.next('?', 2)).toThrow(/continue key is not valid/);
  });

  test('cuts nothing without a limit', () => {
    expect(createPager(createFakeClock(), createSeededRandom(1)).first(items, '7', 0)).toEqual({
      items,
      resourceVersion: '7',
    });
  });
});

describe('a protobuf body', () => {
  const message = (fields: readonly (readonly [number, string | Uint8Array])[]): Uint8Array => {
    const writer = new BinaryWriter();
    for (const [number, value] of fields) {
      writer.tag(number, WireType.LengthDelimited);
      if (typeof value === 'string') writer.string(value);
      else writer.bytes(value);
    }
    return writer.finish();
  };
  const wrap = (kind: string, raw: Uint8Array): Buffer =>
    Buffer.concat([
      Buffer.from('k8s\0'),
      message([
        [
          1,
          message([
            [1, 'v1'],
            [2, kind],
          ]),
        ],
        [2, raw],
        [4, ''],
      ]),
    ]);

  test('of a config map is read', () => {
    const entry = message([
      [1, 'key'],
      [2, 'value'],
    ]);
    const metadata = message([
      [1, 'name'],
      [3, ''],
      [
        11,
        message([
          [1, 'a'],
          [2, 'b'],
        ]),
      ],
    ]);
    expect(
      readProtobufBody(
        wrap(
          'ConfigMap',
          message([
            [1, metadata],
            [2, entry],
            [99, 'unknown'],
          ]),
        ),
      ),
    ).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'name', labels: { a: 'b' } },
      data: { key: 'value' },
    });
  });

  test('of another kind is not read, and what is no protobuf is refused', () => {
    expect(readProtobufBody(wrap('Pod', message([])))).toBeUndefined();
    expect(() => readProtobufBody(Buffer.from('{}'))).toThrow(/no Kubernetes protobuf/);
    expect(() => readProtobufBody(Buffer.from('k8s\0\xff\xff\xff', 'latin1'))).toThrow(
      /couldn't parse the protobuf body/,
    );
  });
});

test('a value is quoted as Go prints it', () => {
  expect(goText({ b: [1, 'x', null], a: { c: true } })).toBe('map[a:map[c:true] b:[1 x <nil>]]');
});
