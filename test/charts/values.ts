import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { readText } from './chart.js';

/** One value of the chart, as values.yaml has it. */
export interface ChartValue {
  /** With dots. */
  readonly key: string;
  /** The last paragraph of its comment, on one line. */
  readonly comment: string | undefined;
  readonly default: unknown;
}

/** Schema of values, as far as tests look at it. */
export interface ValueSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly $ref?: string;
  readonly additionalProperties?: boolean | ValueSchema;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly patternProperties?: Readonly<Record<string, ValueSchema>>;
  readonly definitions?: Readonly<Record<string, ValueSchema>>;
}

/**
 * The values that values.yaml describes: those with a comment and nothing commented below them, and those without
 * either, whose comment is then missing.
 */
export function chartValues(): readonly ChartValue[] {
  const { contents } = parseDocument(readText('charts/panelet/values.yaml'));
  if (!isMap(contents)) throw new Error('values.yaml is no map');
  return valuesOf(contents, '');
}

function valuesOf(map: YAMLMap, prefix: string): ChartValue[] {
  return map.items.flatMap((pair, index) => {
    const key = `${prefix}${nameOf(pair)}`;
    const below = isMap(pair.value) ? pair.value : undefined;
    if (below !== undefined && below.items.length > 0) {
      const inner = valuesOf(below, `${key}.`);
      if (inner.some(({ comment }) => comment !== undefined)) return inner;
    }
    // The comment before the first key belongs to the map.
    const comment = commentOf(pair) ?? (index === 0 ? map.commentBefore : undefined) ?? undefined;
    return [{ key, comment: lastParagraph(comment), default: plain(pair.value) }];
  });
}

function nameOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function commentOf({ key }: Pair): string | undefined {
  return isScalar(key) ? (key.commentBefore ?? undefined) : undefined;
}

function plain(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'toJSON' in value ? (value as { toJSON(): unknown }).toJSON() : value;
}

function lastParagraph(comment: string | undefined): string | undefined {
  const paragraph = comment?.split(/\n\s*\n/).at(-1);
  return paragraph?.split('\n').map((line) => line.trim()).join(' ');
}

/** The schema of values. */
export function valuesSchema(): ValueSchema {
  return JSON.parse(readText('charts/panelet/values.schema.json')) as ValueSchema;
}

/** The part of a schema for a key with dots; undefined when the schema does not name it. */
export function schemaOf(key: string, schema: ValueSchema = valuesSchema()): ValueSchema | undefined {
  const [first, ...rest] = key.split('.');
  const found =
    schema.properties?.[first ?? ''] ??
    Object.entries(schema.patternProperties ?? {}).find(([pattern]) => new RegExp(pattern).test(first ?? ''))?.[1];
  return found === undefined || rest.length === 0 ? found : schemaOf(rest.join('.'), found);
}
