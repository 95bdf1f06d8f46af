import { expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { readText, render, tryRender, type HelmResult } from './chart.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

type Values = Readonly<Record<string, unknown>>;

interface Place {
  readonly path: readonly string[];
  readonly value: unknown;
}

const isSection = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);

// Maps whose keys are the user's; what is below them is not a value of the chart.
const maps = ['panels', 'resources', 'nodeSelector', 'affinity', 'podAnnotations', 'annotations', 'limits', 'of', 'labels', 'commonLabels'];

function places(values: Values, above: readonly string[] = []): Place[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const path = [...above, key];
    return [{ path, value }, ...(isSection(value) && !maps.includes(key) ? places(value, path) : [])];
  });
}

const all = places(parse(readText('charts/panelet/values.yaml')) as Values);
const nameOf = ({ path }: Place): string => path.join('.');
const mayBeEmpty = ({ path, value }: Place): boolean =>
  (maps.includes(path.at(-1) ?? '') || Array.isArray(value) || value === '') && path.at(-1) !== 'apiServerPorts';

/** Values in which all these are null. */
function nulls(chosen: readonly Place[]): object {
  const values: Record<string, unknown> = {};
  for (const { path } of chosen) {
    let at = values;
    for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
    at[path.at(-1) ?? ''] = null;
  }
  return values;
}

/** What helm says is missing, with dots. */
function missing({ stderr }: HelmResult): string[] {
  return [...stderr.matchAll(/at '([^']*)': missing propert(?:y|ies) (.+)/g)].flatMap(([, at = '', names = '']) =>
    [...names.matchAll(/'([^']+)'/g)].map(([, name = '']) => [...at.split('/').slice(1), name].join('.')),
  );
}

const needed = all.filter((place) => !mayBeEmpty(place));
const depths = [...new Set(needed.filter(({ value }) => isSection(value)).map(({ path }) => path.length))];

test.each(depths)('sections at depth %i that are null are refused by their names', (depth) => {
  const sections = needed.filter(({ path, value }) => isSection(value) && path.length === depth);
  const result = tryRender({ values: nulls(sections) });
  expect(result.ok).toBe(false);
  expect(missing(result).sort()).toEqual(sections.map(nameOf).sort());
});

test('numbers, switches and texts that are null are refused by their names', () => {
  const scalars = needed.filter(({ value }) => !isSection(value));
  const result = tryRender({ values: nulls(scalars) });
  expect(scalars.length).toBeGreaterThan(40);
  expect(result.ok).toBe(false);
  expect(missing(result).sort()).toEqual(scalars.map(nameOf).sort());
});

test('a map, a list or a text that may be empty is empty when it is null', () => {
  const empty = all.filter((place) => mayBeEmpty(place));
  expect(empty.length).toBeGreaterThan(20);
  const { ok, stdout, stderr } = tryRender({ values: nulls(empty) });
  expect(stderr).toBe('');
  expect(ok).toBe(true);
  expect(stdout).not.toMatch(/: null$|^\s*null$|<nil>|<no value>|%!/m);

  const like = (value: unknown): boolean => (isSection(value) || Array.isArray(value) ? Object.keys(value).length === 0 : value === '');
  const byDefault = empty.filter(({ value }) => like(value));
  expect(render({ values: nulls(byDefault) })).toMatchObject({ manifests: render().manifests });
});

test('panels set to null one by one leave the others', () => {
  const { get, has } = render({ values: { panels: { terminal: null, echo: null } } });
  expect(has('DaemonSet', 'panelet-host')).toBe(false);
  expect(get('ConfigMap', 'panelet-agent').data?.['agent.yaml']).toMatch(/panels:\n {2}- \{ name: logs, target: agent/);
});

test('an issuer without a name is refused, also when the name is null', () => {
  const { ok, stderr } = tryRender({ values: { tls: { mode: 'certManager', certManager: { issuerRef: { name: null } } } } });
  expect(stderr).toMatch(/issuerRef': missing property 'name'/);
  expect(ok).toBe(false);
});
