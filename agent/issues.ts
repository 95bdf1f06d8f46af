import type { z } from 'zod';

/** One line that names the key path and what is expected, for each thing that is wrong. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${formatPath(issue.path)}: ${issue.message}`).join('; ');
}

function formatPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return '(top level)';
  return path.map((key, index) => formatKey(key, index)).join('');
}

function formatKey(key: PropertyKey, index: number): string {
  if (typeof key === 'number') return `[${key}]`;
  return index === 0 ? String(key) : `.${String(key)}`;
}
