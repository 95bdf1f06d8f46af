import { describe, expect, jest, test } from '@jest/globals';
import { chartDirectory, helm, readText, tryRender } from './chart.js';
import { chartValues, schemaOf, valuesSchema, type ValueSchema } from './values.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

const values = chartValues();
const reference = readText('docs/reference/chart.md');
const rows = (text: string): string[][] =>
  [...text.matchAll(/^\| `([A-Za-z.]+)` \| (.+) \| (.+) \|$/gm)].map(([, ...cells]) => cells);

test('values.yaml says what each value is', () => {
  expect(values.filter(({ comment }) => comment === undefined)).toEqual([]);
  expect(values.length).toBeGreaterThan(60);
});

test('docs/reference/chart.md describes every value as values.yaml does, and no other', () => {
  const described = rows(reference.slice(0, reference.indexOf('## A panel')));
  const shown = (value: unknown): string =>
    typeof value === 'object' && value !== null && Object.keys(value).length > 1 ? 'see values.yaml' : `\`${JSON.stringify(value)}\``;
  expect(described).toEqual(values.map((value) => [value.key, value.comment, shown(value.default)]));
});

test('docs/reference/chart.md describes every key of a panel, and no other', () => {
  const described = rows(reference.slice(reference.indexOf('## A panel'))).map(([key]) => key);
  expect(described).toEqual(Object.keys(valuesSchema().definitions?.['panel']?.properties ?? {}));
});

describe('values.schema.json', () => {
  test('knows every value', () => {
    expect(values.filter(({ key }) => schemaOf(key) === undefined)).toEqual([]);
  });

  test('knows no other, and describes each', () => {
    const leaves = (schema: ValueSchema, prefix: string): string[] =>
      Object.entries(schema.properties ?? {}).flatMap(([key, below]) =>
        below.properties === undefined ? [`${prefix}${key}`] : leaves(below, `${prefix}${key}.`),
      );
    const named = leaves(valuesSchema(), '').filter((key) => key !== 'global' && key !== 'panels');
    for (const key of named) expect(schemaOf(key)?.description ?? key).not.toBe(key);
    const known = values.map(({ key }) => key);
    const missing = named.filter((key) => !known.some((value) => value === key || key.startsWith(`${value}.`)));
    expect(missing.filter((key) => !key.startsWith('agent.limits.'))).toEqual([]);
  });

  test('lets no object have keys that it does not name', () => {
    const open = (schema: ValueSchema, path: string): string[] => [
      ...(schema.properties !== undefined && schema.additionalProperties !== false ? [path] : []),
      ...Object.entries({ ...schema.properties, ...schema.definitions }).flatMap(([key, below]) =>
        open(below, `${path}.${key}`),
      ),
    ];
    expect(open(valuesSchema(), '')).toEqual([]);
  });

  test.each<[object, RegExp]>([
    [{ agent: { gracePeriod: 30 } }, /'\/agent': additional properties 'gracePeriod' not allowed/],
    [{ imgae: {} }, /additional properties 'imgae' not allowed/],
    [{ agent: { gracePeriodSeconds: '30' } }, /'\/agent\/gracePeriodSeconds': got string, want integer/],
    [{ logLevel: 'verbose' }, /'\/logLevel': value must be one of 'trace'/],
    [{ panels: { echo: { target: 'pod' } } }, /'\/panels\/echo.*target': value must be one of 'agent', 'host'/s],
    [{ panels: { logs: { parameters: { roots: 1 } } } }, /roots': got number, want string/],
    [{ homes: { keepDays: -1 } }, /'\/homes\/keepDays'/],
    [{ homes: { keepDays: '30' } }, /keepDays': got string, want integer/],
    [{ hostPaths: { state: 'var/lib' } }, /'\/hostPaths\/state'/],
    [{ agent: { podDisruptionBudget: { minAvailable: '50%' } } }, /minAvailable': got string, want integer/],
    [{ tls: { mode: 'certManager' } }, /issuerRef\/name': minLength/],
    [{ image: { digest: 'latest' } }, /'\/image\/digest'/],
  ])('refuses %j by its name', (wrong, message) => {
    const { ok, stderr } = tryRender({ values: wrong });
    expect(stderr).toMatch(message);
    expect(ok).toBe(false);
  });
});

test('helm lint --strict finds nothing', () => {
  const { ok, stdout } = helm(['lint', '--strict', chartDirectory]);
  expect(stdout).toMatch(/1 chart\(s\) linted, 0 chart\(s\) failed/);
  expect(ok).toBe(true);
});

test('a cluster that is too old is refused', () => {
  const { ok, stderr } = helm(['template', 'panelet', chartDirectory, '--kube-version', '1.30.9']);
  expect(stderr).toMatch(/kubeVersion: >= 1\.31\.0-0/);
  expect(ok).toBe(false);
});
