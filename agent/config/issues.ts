import type { z } from 'zod';

/** One line that names the key path and what is expected, for each thing that is wrong. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => describeIssue(issue, [])).join('; ');
}

type Issue = z.core.$ZodIssue;

function describeIssue(issue: Issue, above: readonly PropertyKey[]): string {
  const path = [...above, ...issue.path];
  const meant = issue.code === 'invalid_union' ? closest(issue.errors) : [];
  if (meant.length === 0) return `${formatPath(path)}: ${issue.message}`;
  return meant.map((inner) => describeIssue(inner, path)).join('; ');
}

// Of the alternatives, the one that somebody most likely meant: the one with keys of its own that are only wrong inside.
function closest(alternatives: readonly (readonly Issue[])[]): readonly Issue[] {
  const [best] = [...alternatives].sort((a, b) => weight(a) - weight(b));
  return best ?? [];
}

function weight(issues: readonly Issue[]): number {
  return issues.reduce((sum, { code, path }) => sum + (code === 'unrecognized_keys' || path.length === 0 ? 100 : 1), 0);
}

function formatPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return '(top level)';
  return path.map((key, index) => formatKey(key, index)).join('');
}

function formatKey(key: PropertyKey, index: number): string {
  if (typeof key === 'number') return `[${key}]`;
  return index === 0 ? String(key) : `.${String(key)}`;
}
