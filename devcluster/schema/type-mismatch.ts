import { textProblems } from './text-values.js';
import { isFields } from '../store/json-copy.js';
import { fieldSchema, joinPath, referenceOf, resolveSchema, type Schema, type Schemas } from './schema.js';

/** A value of a wrong type. */
export interface TypeMismatch {
  /** What Go's JSON decoder would say. */
  readonly text: string;
  /** What the real server says of a value that comes in a strategic merge patch. */
  readonly patchText: string;
}

/** Where a value is. */
interface Place {
  readonly path: string;
  /** Name of the Go struct that holds the field. */
  readonly struct: string;
}

const isInt32 = (value: number): boolean => value >= -(2 ** 31) && value < 2 ** 31;

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  // One that is too large is named.
  return Number.isInteger(value) && !isInt32(value as number) ? `number ${String(value)}` : typeof value;
}

function goType(schemas: Schemas, schema: Schema): string {
  const reference = referenceOf(schema)?.split('.').at(-1);
  const { type, format } = resolveSchema(schemas, schema);
  if (type === 'array') return `[]${goType(schemas, schema.items ?? {})}`;
  if (reference !== undefined && type === 'object') return `v1.${reference}`;
  if (type === 'object') return 'map[string]interface {}';
  if (type === 'boolean') return 'bool';
  if (type === 'integer') return format ?? 'int64';
  return type === 'number' ? 'float64' : (type ?? 'interface {}');
}

function fits(schema: Schema, value: unknown): boolean {
  const { type, format } = schema;
  if (value === null || type === undefined) return true;
  switch (type) {
    case 'string':
      // Quantities, ports and times may be written as numbers or texts; their own rules look at them.
      return typeof value === 'string' || format === 'int-or-string';
    case 'integer':
      return Number.isInteger(value) && (format !== 'int32' || isInt32(value as number));
    case 'number':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'array':
      return Array.isArray(value);
    default:
      return isFields(value);
  }
}

function find(schemas: Schemas, schema: Schema, value: unknown, place: Place): TypeMismatch | undefined {
  const resolved = resolveSchema(schemas, schema);
  if (!fits(resolved, value)) {
    const type = goType(schemas, schema);
    const text = `json: cannot unmarshal ${goKind(value)} into Go struct field ${place.struct}.${place.path} of type ${type}`;
    // Go would turn a number into the character of that number: that is refused in other words.
    const isCharacter = type === 'string' && Number.isInteger(value);
    return { text, patchText: isCharacter ? 'cannot convert int64 to string' : `unrecognized type: ${type}` };
  }
  const name = referenceOf(schema)?.split('.').at(-1) ?? '';
  const problem = typeof value === 'string' ? textProblems[name]?.(value) : undefined;
  if (problem !== undefined) return { text: problem, patchText: problem };
  if (Array.isArray(value)) {
    const { items } = resolved;
    if (items === undefined) return undefined;
    for (const item of value) {
      const found = find(schemas, items, item, place);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isFields(value)) return undefined;
  const struct = referenceOf(schema)?.split('.').at(-1) ?? place.struct;
  for (const [field, inner] of Object.entries(value)) {
    const declared = fieldSchema(resolved, field);
    const found = declared && find(schemas, declared, inner, { path: joinPath(place.path, field), struct });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first value of a wrong type; undefined when all types fit. */
export function findTypeMismatch(
  schemas: Schemas,
  schema: Schema,
  kind: string,
  value: unknown,
): TypeMismatch | undefined {
  return find(schemas, schema, value, { path: '', struct: kind });
}
