import { expect, test } from '@jest/globals';
import { readText, render } from './chart.js';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

const monitoring = { rules: { enabled: true, runbookUrl: 'https://example.org/runbooks.md' }, dashboard: { enabled: true } };
const { get } = render({ values: { monitoring } });
const { groups } = get('PrometheusRule', 'panelet').spec as unknown as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const runbooks = readText('docs/guide/runbooks.md');

/** Metrics that programs have. */
const controller = ['controller-metrics.ts', 'counted-api.ts', 'prom-restart-metrics.ts'];
const programs = ['agent/life/metrics.ts', ...controller.map((name) => `controller/metrics/${name}`)];
const metrics = programs.flatMap((file) => [...readText(file).matchAll(/'(panelet_[a-z_]+)'/g)].map(([, name]) => name!));
const metricsIn = (text: string): string[] =>
  [...text.matchAll(/\bpanelet_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|count|sum)$/, ''));

test('every alert has a runbook, and every runbook an alert', () => {
  const headings = [...runbooks.matchAll(/^## (Panelet[A-Za-z]+)$/gm)].map(([, heading]) => heading);
  expect(headings.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  for (const { alert, annotations } of alerts) {
    expect(annotations['runbook_url']).toBe(`https://example.org/runbooks.md#${alert.toLowerCase()}`);
  }
});

test('every alert says what is the matter, how bad it is, and where', () => {
  for (const { annotations, labels, expr } of alerts) {
    expect(annotations['summary']?.length).toBeGreaterThan(10);
    expect(annotations['description']?.length).toBeGreaterThan(10);
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(expr).toContain('namespace="panelet-system"');
    expect(annotations['summary']).not.toContain('NAMESPACE');
  }
});

test('alerts and dashboard use metrics that there are', () => {
  const dashboard = get('ConfigMap', 'panelet-dashboard').data!['panelet.json']!;
  const used = new Set([...alerts.flatMap(({ expr }) => metricsIn(expr)), ...metricsIn(dashboard)]);
  expect([...used].filter((name) => !metrics.includes(name))).toEqual([]);
});

test('alerts look for values of labels that metrics have', () => {
  const rows = readText('docs/reference/metrics.md').split('\n');
  const asked = alerts.flatMap(({ expr }) =>
    [...expr.matchAll(/(panelet_[a-z_]+)\{[^}]*?\b(outcome|restart|decision)=~?"([^"]+)"/g)].flatMap(
      ([, name = '', , values = '']) => values.split('|').map((value) => ({ name: metricsIn(name)[0], value })),
    ),
  );
  expect(asked.length).toBeGreaterThan(5);
  const unknown = asked.filter(
    ({ name, value }) => !rows.some((row) => row.startsWith(`| \`${name}\` |`) && row.includes(`\`${value}\``)),
  );
  expect(unknown).toEqual([]);
});

test('the dashboard is whole: panels with names of their own, side by side', () => {
  const dashboard = JSON.parse(get('ConfigMap', 'panelet-dashboard').data!['panelet.json']!) as {
    panels: { id: number; title: string; gridPos: { x: number; y: number; w: number } }[];
  };
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length);
  for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
});
