import { describe, expect, test } from '@jest/globals';
import type { AnyObject } from '../store/kube-object.js';
import { controllerRevisionColumns, daemonSetColumns } from './apps-columns.js';
import { eventColumns, nodeColumns } from './core-columns.js';
import { createCustomColumns } from './custom-columns.js';
import { humanDuration } from './human-duration.js';
import { compileJsonPath } from './json-path.js';
import { podColumns } from './pod-columns.js';

const nowMs = Date.parse('2026-01-01T01:00:00Z');
const metadata = { name: 'x', creationTimestamp: '2026-01-01T00:55:00Z' };

const pod = (status: object, spec: object = { containers: [{ name: 'c' }] }, more: object = {}): AnyObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...metadata, ...more },
  spec,
  status,
});
const cellsOf = (object: AnyObject): unknown[] => podColumns.cells(object, nowMs).slice(1, 4);
const running = { name: 'c', ready: true, restartCount: 0, state: { running: {} } };

describe('ages', () => {
  test.each([
    [-5000, '<invalid>'],
    [-500, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [200_000, '3m20s'],
    [11 * 60_000, '11m'],
    [179 * 60_000, '179m'],
    [185 * 60_000, '3h5m'],
    [20 * 3_600_000, '20h'],
    [50 * 3_600_000, '2d2h'],
    [9 * 86_400_000, '9d'],
    [800 * 86_400_000, '2y70d'],
    [3000 * 86_400_000, '8y'],
  ])('of %d ms are %s', (durationMs, text) => {
    expect(humanDuration(durationMs)).toBe(text);
  });
});

describe('a pod in a table', () => {
  test.each([
    ['has no containers yet', pod({ phase: 'Pending' }), ['0/1', 'Pending', '0']],
    ['runs', pod({ phase: 'Running', containerStatuses: [running] }), ['1/1', 'Running', '0']],
    [
      'ends',
      pod({ phase: 'Running', containerStatuses: [running] }, undefined, { deletionTimestamp: 'now' }),
      ['1/1', 'Terminating', '0'],
    ],
    [
      'is lost with its node',
      pod({ phase: 'Running', reason: 'NodeLost' }, undefined, { deletionTimestamp: 'now' }),
      ['0/1', 'Unknown', '0'],
    ],
    [
      'crashes',
      pod({
        phase: 'Running',
        containerStatuses: [
          {
            name: 'c',
            ready: false,
            restartCount: 2,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:59:00Z' } },
          },
        ],
      }),
      ['0/1', 'CrashLoopBackOff', '2 (60s ago)'],
    ],
    [
      'was killed by a signal',
      pod({
        phase: 'Failed',
        containerStatuses: [{ name: 'c', restartCount: 0, state: { terminated: { exitCode: 137, signal: 9 } } }],
      }),
      ['0/1', 'Signal:9', '0'],
    ],
    [
      'initializes',
      pod(
        { phase: 'Pending', initContainerStatuses: [{ name: 'i', restartCount: 0, state: { running: {} } }] },
        { initContainers: [{ name: 'i' }], containers: [{ name: 'c' }] },
      ),
      ['0/1', 'Init:0/1', '0'],
    ],
    [
      'has a sidecar',
      pod(
        {
          phase: 'Running',
          initContainerStatuses: [{ name: 'i', ready: true, started: true, restartCount: 1, state: { running: {} } }],
          containerStatuses: [running],
        },
        { initContainers: [{ name: 'i', restartPolicy: 'Always' }], containers: [{ name: 'c' }] },
      ),
      ['2/2', 'Running', '1'],
    ],
    [
      'is done',
      pod({
        phase: 'Succeeded',
        containerStatuses: [
          { name: 'c', restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
        ],
      }),
      ['0/1', 'Completed', '0'],
    ],
  ])('that %s', (_, object, cells) => {
    expect(cellsOf(object)).toEqual(cells);
  });

  test('says in wide columns where it is and which gates are open', () => {
    const status = { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'g/1', status: 'True' }] };
    const spec = {
      nodeName: 'n',
      containers: [],
      readinessGates: [{ conditionType: 'g/1' }, { conditionType: 'g/2' }],
    };
    expect(podColumns.cells(pod(status, spec), nowMs).slice(4)).toEqual(['5m', '10.0.0.1', 'n', '<none>', '1/2']);
  });

  test('tells when it has ended', () => {
    expect(podColumns.conditions?.(pod({ phase: 'Failed' }))).toMatchObject([{ type: 'Completed', reason: 'Failed' }]);
    expect(podColumns.conditions?.(pod({ phase: 'Running' }))).toBeUndefined();
  });
});

describe('other kinds in a table', () => {
  test('a daemonset counts its pods', () => {
    const object = {
      metadata,
      spec: {
        selector: {
          matchLabels: { b: '2', a: '1' },
          matchExpressions: [{ key: 'c', operator: 'NotIn', values: ['y', 'x'] }],
        },
        template: {
          spec: {
            nodeSelector: { os: 'linux' },
            containers: [
              { name: 'a', image: 'i:1' },
              { name: 'b', image: 'j:1' },
            ],
          },
        },
      },
      status: { desiredNumberScheduled: 3, currentNumberScheduled: 2, numberReady: 1 },
    } as unknown as AnyObject;
    expect(daemonSetColumns.cells(object, nowMs)).toEqual([
      'x',
      3,
      2,
      1,
      0,
      0,
      'os=linux',
      '5m',
      'a,b',
      'i:1,j:1',
      'a=1,b=2,c notin (x,y)',
    ]);
  });

  test('a node says whether it is ready and takes pods', () => {
    const object = {
      metadata: { ...metadata, labels: { 'node-role.kubernetes.io/worker': '' } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'Unknown' }],
        nodeInfo: { kernelVersion: '6.1', architecture: 'arm64' },
      },
    } as unknown as AnyObject;
    const cells = nodeColumns.cells(object, nowMs);
    expect(cells).toEqual([
      'x',
      'NotReady,SchedulingDisabled',
      'worker',
      '5m',
      '',
      '<none>',
      '<none>',
      '<unknown>',
      '6.1 (arm64)',
      '<unknown>',
    ]);
  });

  test('an event of either kind says when it was seen', () => {
    const old = {
      metadata,
      type: 'Normal',
      reason: 'R',
      involvedObject: { kind: 'Pod', name: 'p' },
      lastTimestamp: '2026-01-01T00:59:30Z',
      count: 4,
      source: { component: 'c', host: 'h' },
    };
    expect(eventColumns.cells(old as unknown as AnyObject, nowMs)).toEqual([
      '30s',
      'Normal',
      'R',
      'pod/p',
      '',
      'c, h',
      '',
      '<unknown>',
      4,
      'x',
    ]);
    const series = { count: 7, lastObservedTime: '2026-01-01T00:59:50.000000Z' };
    const fresh = {
      metadata,
      eventTime: '2026-01-01T00:59:00.000000Z',
      series,
      involvedObject: { kind: 'Node' },
      reportingComponent: 'k',
      reportingInstance: 'i',
    };
    expect(eventColumns.cells(fresh as unknown as AnyObject, nowMs)).toEqual([
      '10s',
      '',
      '',
      'node',
      '',
      'k, i',
      '',
      '60s',
      7,
      'x',
    ]);
  });

  test('a controller revision names its controller', () => {
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'u', controller: true }];
    const object = { metadata: { ...metadata, ownerReferences }, revision: 3 } as unknown as AnyObject;
    expect(controllerRevisionColumns.cells(object, nowMs)).toEqual(['x', 'daemonset.apps/d', 3, '5m']);
  });

  test('a custom resource shows its printer columns, and nothing where there is nothing', () => {
    const columns = createCustomColumns([
      { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
      { name: 'Forced', type: 'integer', jsonPath: '.status.forced' },
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ]);
    const status = {
      phase: 'Running',
      forced: 0,
      conditions: [
        { type: 'A', status: 'False' },
        { type: 'Ready', status: 'True' },
      ],
    };
    expect(columns.cells({ metadata, status } as unknown as AnyObject, nowMs)).toEqual([
      'x',
      'Running',
      0,
      'True',
      '5m',
    ]);
    expect(columns.cells({ metadata } as unknown as AnyObject, nowMs)).toEqual(['x', null, null, null, '5m']);
  });
});

test.each([
  ['.a.b', [1]],
  ['.list[1].n', [2]],
  ['.list[*].n', [1, 2]],
  ['.list[?(@.n==2)].k', ['y']],
  [".list[?(@.k=='x')].n", [1]],
  [".a['b']", [1]],
  ['.gone.b', []],
])('the path %s finds %j', (path, found) => {
  const value = {
    a: { b: 1 },
    list: [
      { n: 1, k: 'x' },
      { n: 2, k: 'y' },
    ],
  };
  expect(compileJsonPath(path)(value)).toEqual(found);
});
