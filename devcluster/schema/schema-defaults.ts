import { copyOf, isFields } from '../store/json-copy.js';
import { fieldSchema, type Schema } from './schema.js';

/**
 * Fills in the defaults of a structural schema, in place. As in Kubernetes, a default inside an object counts only when the
 * object is there (or has a default itself), and a null where none is allowed becomes the default.
 */
export function applySchemaDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) for (const item of value) applySchemaDefaults(items, item);
    return;
  }
  if (!isFields(value)) return;
  for (const [field, inner] of Object.entries(schema.properties ?? {})) {
    const isAbsent = value[field] === undefined || (value[field] === null && inner.nullable !== true);
    if (isAbsent && inner.default !== undefined) value[field] = copyOf(inner.default);
    else if (value[field] === null && inner.nullable !== true) Reflect.deleteProperty(value, field);
  }
  for (const [field, inner] of Object.entries(value)) {
    const declared = fieldSchema(schema, field);
    if (declared !== undefined) applySchemaDefaults(declared, inner);
  }
}
