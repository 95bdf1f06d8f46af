import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CelInput } from '@bufbuild/cel';
import { isFields } from '../store/json-copy.js';
import { fieldSchema, type Schema } from './schema.js';

// CEL's reserved words: a field of such a name is reached as __name__. Source: Kubernetes, "CEL in Kubernetes", escaping.
const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

function escapeField(field: string): string {
  if (reserved.has(field)) return `__${field}__`;
  return field
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** A JSON value as CEL sees it through its schema: integers are int, date-times are timestamps, field names are escaped. */
export function celValueOf(schema: Schema, value: unknown): CelInput {
  if (Array.isArray(value)) return value.map((item) => celValueOf(schema.items ?? {}, item));
  if (isFields(value)) {
    const entries = Object.entries(value).map(([field, inner]) => {
      const isDeclared = schema.properties !== undefined && Object.hasOwn(schema.properties, field);
      return [isDeclared ? escapeField(field) : field, celValueOf(fieldSchema(schema, field) ?? {}, inner)] as const;
    });
    return new Map(entries);
  }
  if (typeof value === 'number') return Number.isInteger(value) && schema.type !== 'number' ? BigInt(value) : value;
  if (typeof value === 'string' && schema.format === 'date-time') return timestampFromDate(new Date(value));
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return null;
}
