import { describe, expect, test } from '@jest/globals';
import { builtinSchema, builtinSchemas } from '../kinds/builtin-schemas.js';
import { createRuleChecker } from './cel-rules.js';
import { isRightFormat } from './formats.js';
import { applySchemaDefaults } from './schema-defaults.js';
import { validateSchema } from './schema-validation.js';
import type { Schema } from './schema.js';
import { findTypeMismatch } from './type-mismatch.js';
import { pruneUnknownFields } from './unknown-fields.js';

const messages = (schema: Schema, value: unknown): string[] =>
  validateSchema(schema, value, 'spec').map((cause) => `${cause.field}: ${cause.message}`);

describe('a schema', () => {
  test.each<[Schema, unknown, string[]]>([
    [{ type: 'integer' }, 'x', ['spec: Invalid value: "string": spec in body must be of type integer: "string"']],
    [{ type: 'integer' }, 1.5, ['spec: Invalid value: "number": spec in body must be of type integer: "number"']],
    [{ type: 'number' }, 1, []],
    [{ type: 'string', nullable: true }, null, []],
    [{ type: 'string' }, null, ['spec: Invalid value: "null": spec in body must be of type string: "null"']],
    [{ type: 'string', maxLength: 2 }, 'abc', ['spec: Too long: may not be more than 2 bytes']],
    [{ type: 'string', minLength: 1 }, '', ['spec: Invalid value: "": spec in body should be at least 1 chars long']],
    [{ type: 'string', pattern: '^a' }, 'b', ['spec: Invalid value: "b": spec in body should match \'^a\'']],
    [
      { type: 'string', format: 'date-time' },
      'soon',
      ['spec: Invalid value: "soon": spec in body must be of type date-time: "soon"'],
    ],
    [{ type: 'string', enum: ['A', 'B'] }, 'C', ['spec: Unsupported value: "C": supported values: "A", "B"']],
    [{ type: 'integer', minimum: 1 }, 0, ['spec: Invalid value: 0: spec in body should be greater than or equal to 1']],
    [
      { type: 'integer', maximum: 1, exclusiveMaximum: true },
      1,
      ['spec: Invalid value: 1: spec in body should be less than 1'],
    ],
    [{ type: 'integer', multipleOf: 5 }, 7, ['spec: Invalid value: 7: spec in body should be a multiple of 5']],
    [{ type: 'array', maxItems: 1 }, [1, 2], ['spec: Too many: 2: must have at most 1 item']],
    [{ type: 'array', minItems: 1 }, [], ['spec: Invalid value: 0: spec in body should have at least 1 items']],
    [
      { type: 'array', items: { type: 'string' } },
      ['a', 1],
      ['spec[1]: Invalid value: "integer": spec[1] in body must be of type string: "integer"'],
    ],
    [{ type: 'array', 'x-kubernetes-list-type': 'set' }, ['a', 'a'], ['spec[1]: Duplicate value: "a"']],
    [
      { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
      [{ k: 1 }, { k: 1, v: 2 }],
      ['spec[1]: Duplicate value: {"k":1}'],
    ],
    [{ type: 'object', required: ['a'] }, {}, ['spec.a: Required value']],
    [{ type: 'object', maxProperties: 1 }, { a: 1, b: 2 }, ['spec: Too many: 2: must have at most 1 item']],
    [
      { type: 'object', additionalProperties: { type: 'string' } },
      { a: 1 },
      ['spec.a: Invalid value: "integer": spec.a in body must be of type string: "integer"'],
    ],
    [{ 'x-kubernetes-int-or-string': true }, '10%', []],
    [
      { 'x-kubernetes-int-or-string': true },
      true,
      ['spec: Invalid value: "boolean": spec in body must be of type integer,string: "boolean"'],
    ],
    [
      { anyOf: [{ minimum: 5 }, { multipleOf: 2 }] },
      3,
      ['spec: Invalid value: 3: spec in body must validate at least one schema (anyOf)'],
    ],
    [{ not: { enum: [1] } }, 1, ['spec: Invalid value: 1: spec in body must not validate the schema (not)']],
  ])('%j of %j says %j', (schema, value, expected) => {
    expect(messages(schema, value)).toEqual(expected);
  });

  test('knows formats', () => {
    expect(isRightFormat('duration', '1h5m')).toBe(true);
    expect(isRightFormat('duration', 'soon')).toBe(false);
    expect(isRightFormat('uuid', '42de497f-8b8e-4e6a-abab-a3b9fd7d85fa')).toBe(true);
    expect(isRightFormat('unknown', 'anything')).toBe(true);
  });

  test('fills defaults in where the object around them is there', () => {
    const schema: Schema = {
      type: 'object',
      properties: {
        a: { type: 'integer', default: 1 },
        b: { type: 'object', default: {}, properties: { c: { type: 'string', default: 'x' } } },
        d: { type: 'object', properties: { e: { type: 'string', default: 'y' } } },
        f: { type: 'array', items: { type: 'object', properties: { g: { type: 'boolean', default: true } } } },
        h: { type: 'string', nullable: true, default: 'z' },
        i: { type: 'string' },
      },
    };
    const value = { a: null, f: [{}], h: null, i: null };
    applySchemaDefaults(schema, value);
    expect(value).toEqual({ a: 1, b: { c: 'x' }, f: [{ g: true }], h: null });
  });

  test('finds and removes fields it does not have', () => {
    const pod = {
      spec: { containers: [{ name: 'a', imag: 'x' }], nodeSelector: { any: 'thing' } },
      metadata: { lables: {} },
    };
    expect(pruneUnknownFields(builtinSchemas, builtinSchema('io.k8s.api.core.v1.Pod'), pod)).toEqual([
      'spec.containers[0].imag',
      'metadata.lables',
    ]);
    expect(pod).toEqual({ spec: { containers: [{ name: 'a' }], nodeSelector: { any: 'thing' } }, metadata: {} });
  });

  test('leaves open objects open', () => {
    const schema: Schema = {
      type: 'object',
      properties: { raw: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    };
    expect(pruneUnknownFields({}, schema, { raw: { x: { y: 1 } }, other: 1 })).toEqual(['other']);
  });

  test('names the first value of a wrong type as Go does', () => {
    const schema = builtinSchema('io.k8s.api.apps.v1.DaemonSet');
    const mismatch = (value: object): string | undefined =>
      findTypeMismatch(builtinSchemas, schema, 'DaemonSet', value)?.text;
    expect(mismatch({ spec: { minReadySeconds: '5' } })).toBe(
      'json: cannot unmarshal string into Go struct field DaemonSetSpec.spec.minReadySeconds of type int32',
    );
    expect(mismatch({ spec: { minReadySeconds: 2_147_483_647 } })).toBeUndefined();
    expect(mismatch({ spec: { minReadySeconds: 2_147_483_648 } })).toBe(
      'json: cannot unmarshal number 2147483648 into Go struct field DaemonSetSpec.spec.minReadySeconds of type int32',
    );
    expect(mismatch({ spec: 7 })).toBe(
      'json: cannot unmarshal number into Go struct field DaemonSet.spec of type v1.DaemonSetSpec',
    );
    const ports = [{ containerPort: 80 }];
    const spec = {
      containers: [
        {
          name: 'a',
          ports,
          resources: { limits: { cpu: 1, memory: '1Gi' } },
          livenessProbe: { httpGet: { port: 'http' } },
        },
      ],
    };
    expect(mismatch({ spec: { template: { spec } } })).toBeUndefined();
  });

  test('refuses texts that are no quantity and no time', () => {
    const mismatch = (schemaName: string, value: object): string | undefined =>
      findTypeMismatch(builtinSchemas, builtinSchema(schemaName), '', value)?.text;
    const limits = { containers: [{ name: 'a', resources: { limits: { cpu: 'lots' } } }] };
    expect(mismatch('io.k8s.api.core.v1.Pod', { spec: limits })).toMatch(
      /^quantities must match the regular expression/,
    );
    const lease = (renewTime: string): string | undefined =>
      mismatch('io.k8s.api.coordination.v1.Lease', { spec: { renewTime } });
    expect(lease('2026-01-01T00:00:00.000000Z')).toBeUndefined();
    expect(lease('2026-01-01T00:00:00Z')).toBe(
      'parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    );
    expect(lease('soon')).toMatch(/cannot parse "soon" as "2006"$/);
  });

  test('says of a number for a text in a patch what Go says', () => {
    const found = findTypeMismatch(builtinSchemas, builtinSchema('io.k8s.api.core.v1.ConfigMap'), '', {
      data: { a: 1 },
    });
    expect(found?.patchText).toBe('cannot convert int64 to string');
  });
});

describe('CEL rules', () => {
  const restart: Schema = {
    type: 'object',
    properties: {
      target: {
        type: 'object',
        properties: { name: { type: 'string' } },
        'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is fixed' }],
      },
      low: { type: 'integer' },
      high: { type: 'integer' },
      until: { type: 'string', format: 'date-time' },
      count: {
        'x-kubernetes-int-or-string': true,
        'x-kubernetes-validations': [{ rule: 'type(self) == int ? self > 0 : self.endsWith("%")' }],
      },
      items: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['id'],
        items: {
          type: 'object',
          properties: {
            id: { type: 'string' },
            size: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'only grows' }] },
          },
        },
      },
    },
    'x-kubernetes-validations': [
      {
        rule: '!has(self.low) || !has(self.high) || self.low <= self.high',
        messageExpression: '"low " + string(self.low) + " is above high " + string(self.high)',
        fieldPath: '.low',
      },
      {
        rule: '!has(self.until) || self.until > timestamp("2026-01-01T00:00:00Z")',
        message: 'is over',
        reason: 'FieldValueForbidden',
        fieldPath: '.until',
      },
    ],
  };
  const check = createRuleChecker(restart);
  const says = (value: unknown, old?: unknown): string[] =>
    check(value, old).map((cause) => `${cause.field}: ${cause.message}`);

  test('compare fields and build messages', () => {
    expect(says({ low: 1, high: 2 })).toEqual([]);
    expect(says({ low: 3, high: 2 })).toEqual(['low: Invalid value: low 3 is above high 2']);
  });

  test('see times as times', () => {
    expect(says({ until: '2025-06-01T00:00:00Z' })).toEqual(['until: Forbidden: is over']);
    expect(says({ until: '2026-06-01T00:00:00Z' })).toEqual([]);
  });

  test('look back only when there is something to look back at', () => {
    expect(says({ target: { name: 'a' } })).toEqual([]);
    expect(says({ target: { name: 'a' } }, { target: { name: 'a' } })).toEqual([]);
    expect(says({ target: { name: 'b' } }, { target: { name: 'a' } })).toEqual(['target: Invalid value: is fixed']);
  });

  test('find the same item of a list again by its keys', () => {
    const old = {
      items: [
        { id: 'x', size: 5 },
        { id: 'y', size: 1 },
      ],
    };
    expect(
      says(
        {
          items: [
            { id: 'y', size: 2 },
            { id: 'x', size: 4 },
            { id: 'z', size: 0 },
          ],
        },
        old,
      ),
    ).toEqual(['items[1].size: Invalid value: 4: only grows']);
  });

  test('take numbers and texts where both may be', () => {
    expect(says({ count: 3 })).toEqual([]);
    expect(says({ count: '30%' })).toEqual([]);
    expect(says({ count: 'x' })).toEqual([
      'count: Invalid value: "x": failed rule: type(self) == int ? self > 0 : self.endsWith("%")',
    ]);
  });

  test('that cannot be evaluated refuse the object and say why', () => {
    const broken = createRuleChecker({
      type: 'object',
      properties: {},
      'x-kubernetes-validations': [{ rule: 'self.gone > 1' }],
    });
    expect(broken({}, undefined).map((cause) => cause.message)).toEqual([
      'Invalid value: "object": field not found: gone evaluating rule: self.gone > 1',
    ]);
  });
});
