import { describe, expect, jest, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readAgentConfig } from '#agent/config/config.js';
import { containerDirectory, containerSocket } from '#agent/workers/pod-directory.js';
import { panelDirectory, socketPlaces } from '#agent/workers/socket-places.js';
import { version } from '#common/version.js';
import { gateAddressOf } from '#controller/restart/facts/gate-provider.js';
import { parseWorkerArguments } from '#worker/arguments.js';
import { stateFormat } from '#worker/handover/state-parts.js';
import { panelNames } from '#worker/panels/catalogue.js';
import { containersOf, podOf, render, type Container, type PodSpec } from './chart.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

interface Values {
  readonly panels?: Readonly<Record<string, object | null>>;
  readonly [section: string]: unknown;
}
/** The agents' pods with echo, which nobody has by default: two workers are beside the agent then. */
const withEcho = (values: Values = {}): Values => ({ ...values, panels: { echo: { enabled: true }, ...values.panels } });
const renderEcho = (values?: Values): ReturnType<typeof render> => render({ values: withEcho(values) });

const rendered = renderEcho();
const agentOf = (values: Values): PodSpec => podOf(renderEcho(values).get('DaemonSet', 'panelet-agent'))!;
const agent = podOf(rendered.get('DaemonSet', 'panelet-agent'))!;
const host = podOf(rendered.get('DaemonSet', 'panelet-host'))!;
const workersOf = (pod: PodSpec): Container[] => containersOf(pod).filter(({ name }) => name.startsWith('worker-'));
const argumentsOf = ({ args }: Container) => parseWorkerArguments(args!)!;
const place = { runDir: '/run/panelet', podUid: '0b1c2d3e-4f50-4161-8273-8495a6b7c8d9' };
const { podUid } = place;
/** The format in which a DaemonSet's pods say that their workers hand sessions over. */
const handoverOf = ({ spec }: ReturnType<typeof rendered.get>): unknown =>
  spec?.template?.metadata.annotations?.['panelet.dev/handover'];
const configOf = (values: Values) =>
  parse(renderEcho(values).get('ConfigMap', 'panelet-agent').data!['agent.yaml']!) as {
    panels: { name: string; target: string; run: string }[];
    tls: object;
    gracePeriodSeconds: number;
    limits?: object;
  };

test.each(['panelet-agent', 'panelet-host'])('pods of %s are only replaced when somebody deletes them', (name) => {
  const set = rendered.get('DaemonSet', name);
  expect(set.spec?.updateStrategy).toEqual({ type: 'OnDelete' });
  expect(set.metadata.annotations).toMatchObject({ 'panelet.dev/rollout': 'managed' });
});

test('the gate of a host’s pod is the agent’s on the same node', () => {
  expect(rendered.get('DaemonSet', 'panelet-host').metadata.annotations).toMatchObject({
    'panelet.dev/gate-target': 'host',
    'panelet.dev/gate-daemonset': 'panelet-agent',
  });
});

test('a worker reaches its own socket only, where the agent looks for it: whoever speaks to another is believed about who calls', () => {
  const values = { panels: { shell: { target: 'host' }, 'third-party': { target: 'agent', image: 'example/panel:1' } } };
  const { get } = render({ values });
  for (const [target, kind] of [['agent', 'workers'] as const, ['host', 'host'] as const]) {
    const workers = workersOf(podOf(get('DaemonSet', `panelet-${target}`))!);
    expect(workers.length).toBeGreaterThan(1);
    for (const worker of workers) {
      const { panel, socket } = argumentsOf(worker);
      const [mount, ...more] = worker.volumeMounts!.filter(({ name }) => name === 'run');
      expect(mount).toEqual({
        ...{ name: 'run', mountPath: `/run/panelet/${kind}/${panel}` },
        subPathExpr: `${kind}/${panel}/$(PANELET_POD_UID)`,
      });
      expect(more).toEqual([]);
      expect(worker.env).toContainEqual({ name: 'PANELET_POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } });
      const onNode = socket.replace(mount!.mountPath, `/run/panelet/${mount!.subPathExpr!}`).replace('$(PANELET_POD_UID)', podUid);
      // A host is in another pod than the agent, which knows the panel's directory only.
      const lookedAt = target === 'host' ? containerDirectory(panelDirectory(place, { name: panel, target }), podUid) : '';
      const [found] = socketPlaces(place, { name: panel, run: 'external', target });
      expect(onNode).toBe(target === 'host' ? join(lookedAt, containerSocket) : found);
      expect(Buffer.byteLength(onNode)).toBeLessThan(108);
    }
  }
});

describe('workers that share their state with those of other pods', () => {
  const own = { image: 'example/panel:1' };
  test.each([
    ['are Panelet’s own', {}, true],
    ['are not one’s own', { logs: own }, false],
    ['are one’s own that say so', { logs: { ...own, beside: true } }, true],
    ['are not those that are told not to', { logs: { beside: false } }, false],
  ])('%s', (_which, panels, expected) => {
    const { get } = render({ values: { panels } });
    const [logs] = workersOf(podOf(get('DaemonSet', 'panelet-agent'))!);
    expect(argumentsOf(logs!).isBeside).toBe(expected);
    const { panels: known } = parse(get('ConfigMap', 'panelet-agent').data!['agent.yaml']!) as { panels: object[] };
    expect(known).toContainEqual({ name: 'logs', target: 'agent', run: 'external', ...(expected ? { beside: true } : {}) });
    // Only then may a pod be made beside another one.
    const format = handoverOf(get('DaemonSet', 'panelet-agent'));
    expect(format).toBe(expected ? String(stateFormat) : undefined);
    expect(handoverOf(get('DaemonSet', 'panelet-host'))).toBe(String(stateFormat));
  });

  test('wait for those of an earlier release', () => {
    for (const worker of [...workersOf(agent), ...workersOf(host)]) {
      expect(argumentsOf(worker)).toMatchObject({ isBeside: true, lockWaitMs: 86_400_000 });
    }
  });
});

test('programs find pods by one label that says what they are', () => {
  const labelOf = (kind: string, name: string): string | undefined =>
    rendered.get(kind, name).spec?.template?.metadata.labels?.['panelet.dev/component'];
  expect(labelOf('Deployment', 'panelet-controller')).toBe('controller');
  expect(labelOf('DaemonSet', 'panelet-agent')).toBe('agent');
  expect(labelOf('DaemonSet', 'panelet-host')).toBe('host');
});

describe('workers beside the agent', () => {
  test('are by default those that a node has use for', () => {
    const usual = podOf(render().get('DaemonSet', 'panelet-agent'))!;
    expect(workersOf(usual).map(({ name }) => name)).toEqual(['worker-logs']);
  });

  test('are sidecars: they end after the agent, one after the other, and start without a probe', () => {
    const workers = workersOf({ containers: agent.initContainers! });
    expect(workers.map(({ name }) => name)).toEqual(['worker-echo', 'worker-logs']);
    for (const { restartPolicy, startupProbe } of workers) {
      expect(restartPolicy).toBe('Always');
      expect(startupProbe).toBeUndefined();
    }
  });

  test('understand their arguments', () => {
    for (const worker of workersOf(agent)) {
      const read = argumentsOf(worker);
      expect(panelNames).toContain(read.panel);
      expect(read).toMatchObject({
        socket: `/run/panelet/workers/${read.panel}/worker.sock`,
        stateDir: '/var/lib/panelet',
        target: 'agent',
      });
    }
    expect(argumentsOf(workersOf(agent)[1]!).parameters).toEqual({ roots: '/var/log' });
  });

  test('are told what an owner may have and when sessions end, where that is set', () => {
    const values = {
      workers: { sessionsPerOwner: { default: 1_000_000, of: { 'system:serviceaccount:ci:runner': 500 } } },
      panels: { echo: { enabled: true, idleTimeoutSeconds: 60, maxAgeSeconds: 86_400 } },
    };
    const [echo] = workersOf(agentOf(values));
    expect(argumentsOf(echo!)).toMatchObject({
      sessionsPerOwner: { default: 1_000_000, of: { 'system:serviceaccount:ci:runner': 500 } },
      lifeLimits: { idleMs: 60_000, maxAgeMs: 86_400_000 },
    });
    const [usual] = workersOf(agentOf({}));
    expect(argumentsOf(usual!)).toMatchObject({ sessionsPerOwner: { default: 20, of: {} } });
    expect(usual!.args?.join(' ')).not.toContain('owner');
  });

  test('keep HOMEs for the days that are set, where owners have some', () => {
    const daysOf = (values: Values): (string | undefined)[] =>
      [...workersOf(agentOf(values)), ...workersOf(podOf(render({ values }).get('DaemonSet', 'panelet-host'))!)].flatMap((worker) => {
        const days = argumentsOf(worker).parameters['homesKeepDays'];
        return days === undefined ? [] : [`${worker.name}: ${days}`];
      });
    expect(daysOf({})).toEqual([]);
    expect(daysOf({ homes: { keepDays: 30 } })).toEqual(['worker-terminal: 30']);
    expect(daysOf({ homes: { keepDays: 30 }, panels: { terminal: { parameters: { allowSameUser: 'true' } } } })).toEqual([]);
  });

  test('have big numbers written out', () => {
    const [worker] = workersOf(agentOf({ workers: { maxSessions: 2_000_000 } }));
    expect(argumentsOf(worker!).maxSessions).toBe(2_000_000);
  });
});

describe('the grace period of a pod is above the whole drain', () => {
  const stopSeconds = 6;
  test.each([
    [{}, 2],
    [{ agent: { gracePeriodSeconds: 300 } }, 2],
    [{ workers: { gracePeriodSeconds: 60 } }, 2],
    [{ panels: { echo: { enabled: false } } }, 1],
    [{ panels: { terminal: { target: 'agent' } } }, 3],
  ])('of agents with %j', (values, workers) => {
    const pod = agentOf(values);
    const found = workersOf(pod);
    expect(found).toHaveLength(workers);
    const drains = found.map((worker) => argumentsOf(worker).gracePeriodMs / 1000 + stopSeconds);
    const needed = configOf(values).gracePeriodSeconds + drains.reduce((sum, seconds) => sum + seconds, 0);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed);
  });

  test('of hosts, whose workers are all told at once', () => {
    for (const worker of workersOf(host)) {
      expect(host.terminationGracePeriodSeconds).toBeGreaterThan(argumentsOf(worker).gracePeriodMs / 1000);
    }
  });
});

describe('the agents’ configuration', () => {
  const certManager = { tls: { mode: 'certManager', certManager: { issuerRef: { name: 'ca' } } } };
  test.each([
    [{}],
    [{ bindAddress: '::', logLevel: 'debug' }],
    [{ agent: { limits: { maxConnections: 2_000_000, holdMs: 5000 } } }],
    [certManager],
  ])('is one that agents take: with %j', async (values) => {
    const directory = mkdtempSync(join(tmpdir(), 'panelet-chart-'));
    try {
      const file = join(directory, 'agent.yaml');
      writeFileSync(file, render({ values }).get('ConfigMap', 'panelet-agent').data!['agent.yaml']!);
      const config = await readAgentConfig(file, { node: 'node-a' });
      expect(config).toMatchObject({ node: 'node-a', runDir: '/run/panelet', stateDir: '/var/lib/panelet' });
      expect([config.listen.port, config.health?.listen.port, config.metrics?.listen.port]).toEqual([7443, 7080, 7444]);
      const inPod = await readAgentConfig(file, { node: 'node-a', listenHost: '10.0.0.9' });
      expect(inPod.gate?.listen).toEqual({ host: '10.0.0.9', port: 7445 });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('names every worker that there is, and no other', () => {
    expect(configOf({}).panels).toEqual([
      { name: 'echo', target: 'agent', run: 'external', beside: true },
      { name: 'logs', target: 'agent', run: 'external', beside: true },
      { name: 'terminal', target: 'host', run: 'external' },
    ]);
    expect(configOf({ host: { enabled: false }, panels: { echo: null } }).panels.map(({ name }) => name)).toEqual([
      'logs',
    ]);
  });

  test('changes the pods’ template when it changes, so that a change is a rollout', () => {
    const sumOf = (values: Values): unknown =>
      render({ values }).get('DaemonSet', 'panelet-agent').spec?.template?.metadata.annotations?.[
        'panelet.dev/config-checksum'
      ];
    expect(sumOf({})).toEqual(sumOf({ controller: { replicas: 3 } }));
    expect(sumOf({})).not.toEqual(sumOf({ agent: { limits: { maxConnections: 8192 } } }));
  });
});

test('an upgrade of the chart alone changes no template', () => {
  const names = ['app.kubernetes.io/version', 'helm.sh/chart', 'app.kubernetes.io/managed-by'];
  for (const { spec } of rendered.manifests) {
    for (const name of names) expect(spec?.template?.metadata.labels?.[name]).toBeUndefined();
  }
});

test('without a panel for it there is no host', () => {
  expect(render({ values: { panels: { terminal: { enabled: false } } } }).has('DaemonSet', 'panelet-host')).toBe(false);
  expect(render({ values: { host: { enabled: false } } }).has('DaemonSet', 'panelet-host')).toBe(false);
});

test('only health is asked without a name: the probes of agents and controller', () => {
  for (const pod of [agent, podOf(rendered.get('Deployment', 'panelet-controller'))!]) {
    const [container] = pod.containers;
    expect(container?.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'health' });
    expect(container?.livenessProbe?.httpGet).toEqual({ path: '/livez', port: 'health' });
    expect(container?.ports).toContainEqual({ name: 'health', containerPort: 7080, protocol: 'TCP' });
  }
});

describe('the port for controllers', () => {
  const [container] = agent.containers;

  test('is where a controller looks for it, beside the one that a controller of an older release looks for', () => {
    const pod = { metadata: {}, spec: agent, status: { podIP: '10.0.0.9' } } as unknown as Parameters<typeof gateAddressOf>[0];
    expect(gateAddressOf(pod)).toMatchObject({ host: '10.0.0.9', port: 7445 });
    expect(container?.ports).toContainEqual({ name: 'gate', containerPort: 7443, protocol: 'TCP' });
  });

  test('is opened on the pod’s address, which the pod is told, and never on the node’s', () => {
    const address = { name: 'PANELET_POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };
    expect(container?.env).toContainEqual(address);
    const [exposed] = agentOf({ agent: { hostPort: 7443 } }).containers;
    expect(exposed?.ports).toContainEqual({ name: 'gate-control', containerPort: 7445, protocol: 'TCP' });
  });
});

test('every variable in the path of a mount is one that its container has, as the kubelet demands', () => {
  const expressions: string[] = [];
  for (const pod of [agent, host]) {
    for (const { env = [], volumeMounts = [] } of containersOf(pod)) {
      for (const { subPathExpr = '' } of volumeMounts) {
        for (const [expression, variable = ''] of subPathExpr.matchAll(/\$\((\w+)\)/g)) {
          expressions.push(expression);
          expect(env.map(({ name }) => name)).toContain(variable);
        }
      }
    }
  }
  expect(new Set(expressions)).toEqual(new Set(['$(PANELET_POD_UID)']));
});

describe('nodes that share one file system', () => {
  const pods = ['panelet-agent', 'panelet-host'].map(
    (name) => podOf(render({ values: { hostPaths: { perNode: true } } }).get('DaemonSet', name))!,
  );

  test('keep their directories apart, in every container, the one that prepares them too', () => {
    for (const pod of pods) {
      for (const container of containersOf(pod)) {
        const mounts = container.volumeMounts?.filter(({ name }) => name === 'state' || name === 'run') ?? [];
        expect(mounts.length).toBeGreaterThan(0);
        for (const mount of mounts) {
          expect(mount.subPathExpr).toMatch(/^\$\(PANELET_NODE_NAME\)/);
          expect(mount.subPath).toBeUndefined();
        }
        expect(container.env?.map(({ name }) => name)).toContain('PANELET_NODE_NAME');
      }
    }
  });

  test('have the same directories prepared as used', () => {
    for (const pod of pods) {
      const mountsOf = (container: Container): string[] =>
        (container.volumeMounts ?? [])
          .filter(({ name }) => name === 'state' || name === 'run')
          .map(({ name, subPathExpr }) => `${name}:${subPathExpr ?? ''}`);
      const [prepare, ...others] = containersOf(pod);
      expect(prepare?.name).toBe('prepare');
      // The agent uses the directories of sockets, hosts' too, by its mount of the whole run directory.
      const below = pod === pods[0] ? ['workers', 'workers/logs', 'host', 'host/terminal'] : ['host', 'host/terminal'];
      const used = others.flatMap(mountsOf).concat(below.map((name) => `run:$(PANELET_NODE_NAME)/${name}`));
      expect(mountsOf(prepare!).sort()).toEqual([...new Set(used)].sort());
    }
  });
});

test('a panel may bring a worker of its own', () => {
  const panel = {
    target: 'agent',
    image: 'example/metrics:1',
    command: ['node', 'worker.js'],
    env: [{ name: 'A', value: 'b' }],
    securityContext: { runAsGroup: 0 },
  };
  const worker = workersOf(agentOf({ panels: { metrics: panel } })).find(({ name }) => name === 'worker-metrics');
  expect(worker).toMatchObject({
    image: 'example/metrics:1',
    command: ['node', 'worker.js'],
    securityContext: { runAsGroup: 0, readOnlyRootFilesystem: true },
  });
  expect(worker?.env).toContainEqual({ name: 'A', value: 'b' });
});

test('a panel in any language is run as the guide says', () => {
  const guide = readFileSync('docs/guide/a-panel-in-any-language.md', 'utf8');
  const [values = ''] = [...guide.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text).slice(-1);
  const found = workersOf(agentOf(parse(values) as Values)).find(({ name }) => name === 'worker-echo-python');
  expect(found?.image).toBe('registry.example/panel-echo-python:1');
  const { command = [], args = [] } = found ?? {};
  expect(parseWorkerArguments([...command.slice(1), ...args])).toMatchObject({
    ...{ panel: 'echo-python', exec: '/opt/panels/echo-python', isBeside: true },
  });
});

test.each([
  [{ tag: '1.2.3' }, 'panelet/panelet:1.2.3'],
  [{ repository: 'registry.example/p' }, `registry.example/p:${version}`],
  [{ tag: '1.2.3', digest: `sha256:${'a'.repeat(64)}` }, `panelet/panelet@sha256:${'a'.repeat(64)}`],
])('image %j is %s everywhere', (image, expected) => {
  const images = render({ values: { image } }).manifests.flatMap((manifest) => {
    const pod = podOf(manifest);
    return pod === undefined ? [] : containersOf(pod).map((container) => container.image);
  });
  expect([...new Set(images)]).toEqual([expected]);
});
