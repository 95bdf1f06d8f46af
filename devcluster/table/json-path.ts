import { isFields, isSameJson } from '../store/json-copy.js';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly value: unknown };

const token =
  /\.([^.[\]]+)|\[(-?\d+)\]|\[\*\]|\['([^']*)'\]|\["([^"]*)"\]|\[\?\(@([^=)]*)(?:==\s*("[^"]*"|'[^']*'|[^)]*))?\)\]/gy;

function literal(text: string): unknown {
  const trimmed = text.trim();
  if (/^'.*'$/s.test(trimmed)) return trimmed.slice(1, -1);
  try {
    return JSON.parse(trimmed) as unknown;
  } catch {
    return trimmed;
  }
}

function stepOf(match: RegExpMatchArray): Step {
  const [text, dotted, index, single, double, filterPath, filterValue] = match;
  const name = dotted ?? single ?? double;
  if (name !== undefined) return name === '*' ? { kind: 'all' } : { kind: 'field', name: name.replaceAll('\\', '') };
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (text === '[*]') return { kind: 'all' };
  const value = filterValue === undefined ? undefined : literal(filterValue);
  return { kind: 'filter', path: parseSteps((filterPath ?? '').trim()), value };
}

function parseSteps(path: string): Step[] {
  return [...path.matchAll(token)].map(stepOf);
}

function take(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case 'field':
      return isFields(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'index':
      return Array.isArray(value) && value.length > 0 ? value.slice(step.index).slice(0, 1) : [];
    case 'all':
      return Array.isArray(value) ? (value as unknown[]) : isFields(value) ? Object.values(value) : [];
    case 'filter':
      if (!Array.isArray(value)) return [];
      return (value as unknown[]).filter((item) => {
        const found = walk(item, step.path);
        return step.value === undefined ? found.length > 0 : found.some((inner) => isSameJson(inner, step.value));
      });
  }
}

function walk(value: unknown, steps: readonly Step[]): unknown[] {
  return steps.reduce<unknown[]>((values, step) => values.flatMap((inner) => take(inner, step)), [value]);
}

/** Finds values by the JSONPath of printer columns: fields, indexes, [*] and [?(@.a=="b")]. */
export function compileJsonPath(path: string): (value: unknown) => unknown[] {
  const steps = parseSteps(path);
  return (value) => walk(value, steps);
}
