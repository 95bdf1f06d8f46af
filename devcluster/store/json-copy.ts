/** A copy that shares nothing with its source. Values are JSON. */
export function copyOf<T>(value: T): T {
  return structuredClone(value);
}

/** Freezes a JSON value all the way down, so that sharing it is safe. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** Whether two JSON values are the same; the order of keys does not count, and undefined counts as absent. */
export function isSameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => isSameJson(item, right[index]));
  }
  const leftFields = Object.entries(left).filter(([, value]) => value !== undefined);
  const rightFields = right as Record<string, unknown>;
  const rightCount = Object.values(right).filter((value) => value !== undefined).length;
  return leftFields.length === rightCount && leftFields.every(([key, value]) => isSameJson(value, rightFields[key]));
}

/** True for `{…}`; false for null, lists and scalars. */
export function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Value at a path of field names, or undefined. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const step of path) {
    if (!isFields(current)) return undefined;
    current = current[step];
  }
  return current;
}

/** Text at a path of field names; '' when there is none. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** List at a path of field names; empty when there is none. */
export function listAt(value: unknown, ...path: readonly string[]): readonly Record<string, unknown>[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found.filter(isFields) : [];
}

/** A copy with the fields of every object in the order of their names. */
export function sortFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortFields);
  if (!isFields(value)) return value;
  const fields = Object.keys(value).sort();
  return Object.fromEntries(fields.map((field) => [field, sortFields(value[field])]));
}
