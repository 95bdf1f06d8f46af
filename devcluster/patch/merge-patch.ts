import { copyOf, isFields } from '../store/json-copy.js';

/** Applies a JSON merge patch (RFC 7396); nothing is changed in place. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return copyOf(patch);
  const result: Record<string, unknown> = isFields(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, field);
    else result[field] = applyMergePatch(result[field], value);
  }
  return result;
}
