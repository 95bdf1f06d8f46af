import { readFileSync } from 'node:fs';

import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

import { createSimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver } from '#test/support/controller/sim-controller.js';

import { settingsOf } from './settings.js';
import { panelRestarts, type PanelRestart, type PanelRestartSpec, type PanelRestartStatus } from './panel-restart.js';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
      readonly additionalPrinterColumns: readonly { readonly name: string; readonly jsonPath: string }[];
    }[];
  };
}

const file = new URL('../../../charts/panelet/files/panelrestarts.yaml', import.meta.url);
const definition = parse(readFileSync(file, 'utf8')) as Definition;
const version = definition.spec.versions[0]!;
const root = version.schema.openAPIV3Schema;

/** Every key there is; the compiler refuses one that the type does not have and one that is missing. */
type AllKeys<T> = Record<keyof Required<T>, true>;

const specKeys: AllKeys<PanelRestartSpec> = {
  targetRef: true,
  podSelector: true,
  nodeSelector: true,
  reason: true,
  notBefore: true,
  strategy: true,
  drain: true,
  replacementTimeoutSeconds: true,
  failurePolicy: true,
  paused: true,
  abort: true,
  ttlSecondsAfterFinished: true,
  dryRun: true,
};
const statusKeys: AllKeys<PanelRestartStatus> = {
  observedGeneration: true,
  target: true,
  phase: true,
  conditions: true,
  pods: true,
  sessions: true,
  startTime: true,
  completionTime: true,
  heartbeatTime: true,
  expectedCompletionTime: true,
  active: true,
  failures: true,
};
type Status = Required<PanelRestartStatus>;
const activeKeys: AllKeys<Status['active'][number]> = {
  pod: true,
  uid: true,
  node: true,
  step: true,
  since: true,
  deadline: true,
  gateState: true,
  sessions: true,
  replacement: true,
  surge: true,
  receipt: true,
  holders: true,
  message: true,
};
const receiptKeys: AllKeys<NonNullable<Status['active'][number]['receipt']>> = {
  instance: true,
  digest: true,
  kept: true,
  finished: true,
  checkpointed: true,
  moved: true,
  forced: true,
  tookMilliseconds: true,
  withoutReceipt: true,
};
const podKeys: AllKeys<Status['pods']> = {
  total: true,
  pending: true,
  warm: true,
  cordoned: true,
  draining: true,
  killed: true,
  replaced: true,
  succeeded: true,
  failed: true,
  retiring: true,
  summary: true,
};
const sessionKeys: AllKeys<Status['sessions']> = {
  kept: true,
  finished: true,
  checkpointed: true,
  moved: true,
  resumed: true,
  forced: true,
  lost: true,
  summary: true,
};
const failureKeys: AllKeys<Status['failures'][number]> = {
  pod: true,
  uid: true,
  node: true,
  reason: true,
  message: true,
  time: true,
};

function at(...path: string[]): Schema {
  return path.reduce<Schema>((schema, key) => {
    const next = key === '[]' ? schema.items : schema.properties?.[key];
    if (next === undefined) throw new Error(`the definition has no ${path.join('.')}`);
    return next;
  }, root);
}

/** Paths in `value` that the schema does not have. */
function unknownPaths(value: unknown, schema: Schema, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => unknownPaths(item, schema.items ?? {}, `${path}[]`));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const known = schema.properties?.[key] ?? schema.additionalProperties;
    return known === undefined ? [`${path}.${key}`] : unknownPaths(inner, known, `${path}.${key}`);
  });
}

/** Paths of the schema without a description. */
function undescribed(schema: Schema, path = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [
    ...(inner.description === undefined && key !== 'metadata' ? [`${path}.${key}`] : []),
    ...undescribed(inner, `${path}.${key}`),
    ...undescribed(inner.items ?? {}, `${path}.${key}[]`),
  ]);
}

describe('the definition of PanelRestart', () => {
  test.each<[string, string[], object]>([
    ['spec', ['spec'], specKeys],
    ['status', ['status'], statusKeys],
    ['status.active', ['status', 'active', '[]'], activeKeys],
    ['status.active.receipt', ['status', 'active', '[]', 'receipt'], receiptKeys],
    ['status.pods', ['status', 'pods'], podKeys],
    ['status.sessions', ['status', 'sessions'], sessionKeys],
    ['status.failures', ['status', 'failures', '[]'], failureKeys],
  ])('has the same fields in %s as the type', (_name, path, keys) => {
    expect(Object.keys(at(...path).properties ?? {}).sort()).toEqual(Object.keys(keys).sort());
  });

  test('is of the kind and version that the controller asks for', () => {
    expect(definition.spec.group).toBe(panelRestarts.group);
    expect(definition.spec.names).toMatchObject({ kind: panelRestarts.kind, plural: panelRestarts.plural });
    expect(version.name).toBe(panelRestarts.version);
  });

  test('describes every field', () => {
    expect(undescribed(root)).toEqual([]);
  });

  test('has columns for what people look for', () => {
    expect(version.additionalPrinterColumns.map(({ name }) => name)).toEqual([
      'Target',
      'Phase',
      'Pods',
      'Sessions',
      'Forced',
      'Moved',
      'Step',
      'Reason',
      'Age',
    ]);
  });

  test('has the defaults that the controller takes when a field is missing', () => {
    const bare: PanelRestart = { metadata: { name: 'r' }, spec: { targetRef: { name: 'd' } } };
    const fromSchema = (...path: string[]): Record<string, unknown> =>
      Object.fromEntries(
        Object.entries(at(...path).properties ?? {}).flatMap(([key, { default: value }]) =>
          value === undefined ? [] : [[key, value]],
        ),
      );
    const filled = {
      ...bare,
      spec: {
        ...bare.spec,
        ...fromSchema('spec'),
        strategy: fromSchema('spec', 'strategy'),
        drain: fromSchema('spec', 'drain'),
        failurePolicy: fromSchema('spec', 'failurePolicy'),
      },
    } as PanelRestart;
    expect(settingsOf(filled, undefined)).toEqual(settingsOf(bare, undefined));
  });

  test('has every field that a restart writes on its way', async () => {
    const sim = createSimCluster({ nodes: 2, agent: { stuck: 1 } });
    sim.request('r1', { drain: { timeoutSeconds: 20, onTimeout: 'Force' } });
    const driver = createSimDriver(sim);
    const unknown = new Set<string>();
    await driver.until(() => {
      for (const path of unknownPaths(sim.restart('r1').status, at('status'))) unknown.add(path);
      return isOver(sim, 'r1');
    });
    expect([...unknown]).toEqual([]);
  });
});
