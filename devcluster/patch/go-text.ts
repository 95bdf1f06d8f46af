import { isFields } from '../store/json-copy.js';

/** A value as Go prints it with %+v: the real server quotes a refused strategic merge patch that way. */
export function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (value === null || value === undefined) return '<nil>';
  if (!isFields(value)) return typeof value === 'string' ? value : JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `map[${fields.map((field) => `${field}:${goText(value[field])}`).join(' ')}]`;
}
