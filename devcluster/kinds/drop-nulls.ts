import { isFields } from '../store/json-copy.js';

/** Removes fields that are null, in place: built-in kinds do not tell null from absent. */
export function dropNulls(value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item);
    return;
  }
  if (!isFields(value)) return;
  for (const [field, inner] of Object.entries(value)) {
    if (inner === null) Reflect.deleteProperty(value, field);
    else dropNulls(inner);
  }
}
