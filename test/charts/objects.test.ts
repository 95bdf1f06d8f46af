import { PassThrough } from 'node:stream';
import { describe, expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { runCli } from '#client/cli/commands.js';
import { readArguments } from '#controller/arguments.js';
import { readCleanupArguments } from '#controller/cleanup/cleanup-arguments.js';
import { podOf, readText, releaseNamespace, render, tryRender } from './chart.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

const rendered = render();
const certManager = { tls: { mode: 'certManager', certManager: { issuerRef: { name: 'ca', kind: 'ClusterIssuer' } } } };
const argsOf = (values: object): readonly string[] =>
  podOf(render({ values }).manifests.find(({ kind }) => kind === 'Deployment')!)!.containers[0]!.args!;

describe('the controller understands its arguments', () => {
  test('with an authority of its own', () => {
    expect(readArguments(argsOf({ namePrefix: 'other' }), 'host')).toMatchObject({
      namespace: releaseNamespace,
      leaseName: 'other-controller',
      leaseMs: 15_000,
      health: { port: 7080 },
      metrics: { port: 7444 },
      transport: {
        kind: 'own-ca',
        secret: 'other-ca',
        publishMs: 3_600_000,
        serviceAccount: 'other-agent',
        service: 'other-agent',
      },
    });
  });

  test('with files of cert-manager', () => {
    expect(readArguments(argsOf(certManager), 'host')).toMatchObject({
      transport: { kind: 'files', caFile: '/etc/panelet/tls/ca.crt', serverName: 'panelet-agent' },
    });
  });

  test('with IPv6', () => {
    expect(readArguments(argsOf({ bindAddress: '::' }), 'host')).toMatchObject({ health: { host: '::', port: 7080 } });
  });
});

test('everything in a namespace says which, and carries the labels of the release', () => {
  const clusterWide = /^(ClusterRole|CustomResourceDefinition|.*AdmissionPolicy)/;
  for (const { kind, metadata } of rendered.manifests) {
    expect([kind, metadata.name, metadata.namespace]).toEqual([
      kind,
      metadata.name,
      clusterWide.test(kind) ? undefined : releaseNamespace,
    ]);
    expect(metadata.labels).toMatchObject({
      'app.kubernetes.io/name': 'panelet',
      'app.kubernetes.io/instance': 'panelet',
    });
  }
});

test('labels of the user are on every object and pod', () => {
  for (const manifest of render({ values: { commonLabels: { team: 'a' } } }).manifests) {
    expect(manifest.metadata.labels).toMatchObject({ team: 'a' });
    const template = manifest.spec?.template;
    if (template !== undefined) expect(template.metadata.labels).toMatchObject({ team: 'a' });
  }
});

test('another prefix renames everything', () => {
  const { manifests } = render({ values: { namePrefix: 'other', monitoring: { dashboard: { enabled: true } } } });
  const names = manifests.map(({ metadata }) => metadata.name).filter((name) => name !== 'panelrestarts.panelet.dev');
  expect(names.filter((name) => !name.startsWith('other'))).toEqual([]);
});

describe('the definition of PanelRestarts', () => {
  const { metadata, spec } = rendered.get('CustomResourceDefinition', 'panelrestarts.panelet.dev');

  test('is the file, whole', () => {
    const file = parse(readText('charts/panelet/files/panelrestarts.yaml')) as { spec: object };
    expect(spec).toEqual(file.spec);
  });

  test('is upgraded with the chart and outlives it', () => {
    expect(metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
    expect(render({ values: { crds: { install: false } } }).has('CustomResourceDefinition', metadata.name)).toBe(false);
  });
});

describe('certificates', () => {
  test('of the own authority are in objects without data, which an upgrade then leaves alone', () => {
    for (const kind of ['Secret', 'ConfigMap']) {
      const own = rendered.get(kind, 'panelet-ca');
      expect(Object.keys(own).sort()).toEqual(
        kind === 'Secret' ? ['apiVersion', 'kind', 'metadata', 'type'] : ['apiVersion', 'kind', 'metadata'],
      );
    }
    expect(argsOf({})).toEqual(
      expect.arrayContaining(['--ca-secret=panelet-ca', '--ca-config-map=panelet-ca', '--signer-name=panelet.dev/node']),
    );
  });

  test('of cert-manager are files for both sides', () => {
    const { get, has } = render({ values: certManager });
    expect(has('Secret', 'panelet-ca')).toBe(false);
    expect(has('ConfigMap', 'panelet-ca')).toBe(false);
    const config = parse(get('ConfigMap', 'panelet-agent').data!['agent.yaml']!) as { tls: object };
    expect(config.tls).toEqual({
      certFile: '/etc/panelet/tls/tls.crt',
      keyFile: '/etc/panelet/tls/tls.key',
      clientCaFile: '/etc/panelet/tls/ca.crt',
    });
    expect(get('Certificate', 'panelet-controller').spec).toMatchObject({
      secretName: 'panelet-controller-tls',
      subject: { organizations: ['panelet:controllers'] },
      issuerRef: { kind: 'ClusterIssuer', name: 'ca' },
    });
    expect(argsOf(certManager).filter((argument) => argument.startsWith('--gate') || argument.startsWith('--ca'))).toEqual([
      '--gate-cert-file=/etc/panelet/tls/tls.crt',
      '--gate-key-file=/etc/panelet/tls/tls.key',
      '--gate-ca-file=/etc/panelet/tls/ca.crt',
      '--gate-server-name=panelet-agent',
    ]);
  });

  test('of cert-manager have the name that the controller and clients expect of an agent', () => {
    const { dnsNames } = render({ values: certManager }).get('Certificate', 'panelet-agent').spec as {
      dnsNames: string[];
    };
    expect(dnsNames).toContain('panelet-agent');
  });
});

describe('uninstalling', () => {
  const job = rendered.get('Job', 'panelet-cleanup-pre-delete');
  const again = rendered.get('Job', 'panelet-cleanup-post-delete');
  const commandOf = ({ spec }: typeof job): string[] => {
    const [container] = spec!.template!.spec.containers;
    return [...container!.command!, ...container!.args!];
  };

  test('ends restarts while the controller lives, and once more when it is gone', () => {
    expect(readCleanupArguments(commandOf(job).slice(2))).toMatchObject({
      namespace: releaseNamespace,
      timeoutMs: 120_000,
    });
    expect(commandOf(job)).toEqual([
      ...['panelet-controller', 'cleanup', '--namespace=panelet-system', '--timeout=120s'],
    ]);
    expect(commandOf(again)).toEqual([
      ...['panelet-controller', 'cleanup', '--namespace=panelet-system', '--timeout=1s'],
    ]);
    expect(job.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-delete' });
    expect(again.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'post-delete' });
  });

  test('makes the rights of the job before it and removes them after it', () => {
    for (const phase of ['pre-delete', 'post-delete']) {
      for (const kind of ['ServiceAccount', 'Role', 'RoleBinding']) {
        const { annotations } = rendered.get(kind, `panelet-cleanup-${phase}`).metadata;
        expect(annotations).toMatchObject({
          'helm.sh/hook': phase,
          'helm.sh/hook-weight': '-10',
          'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
        });
      }
    }
  });

  test('leaves time to the controller', () => {
    expect(commandOf(render({ values: { cleanup: { timeoutSeconds: 300 } } }).get('Job', job.metadata.name))).toContain(
      '--timeout=300s',
    );
    expect(render({ values: { cleanup: { enabled: false } } }).has('Job', job.metadata.name)).toBe(false);
  });
});

describe('a budget', () => {
  test('keeps one of several controllers, and does not stand in the way of a single one', () => {
    expect(rendered.get('PodDisruptionBudget', 'panelet-controller').spec).toMatchObject({ minAvailable: 1 });
    expect(render({ values: { controller: { replicas: 1 } } }).has('PodDisruptionBudget', 'panelet-controller')).toBe(false);
  });

  test('of agents never counts the unavailable, which a DaemonSet’s budget cannot', () => {
    expect(rendered.has('PodDisruptionBudget', 'panelet-agent')).toBe(false);
    const { get } = render({ values: { agent: { podDisruptionBudget: { enabled: true, minAvailable: 3 } } } });
    const { spec } = get('PodDisruptionBudget', 'panelet-agent');
    expect(spec).toMatchObject({ minAvailable: 3 });
    expect(spec).not.toHaveProperty('maxUnavailable');
  });
});

describe('network policies', () => {
  const specOf = (name: string, values: object = {}) =>
    render({ values }).get('NetworkPolicy', name).spec as {
      policyTypes: string[];
      ingress?: { from?: unknown[]; ports: { port: number }[] }[];
      egress?: { ports: { port: number }[] }[];
    };

  const controller = {
    podSelector: {
      matchLabels: {
        'app.kubernetes.io/name': 'panelet',
        'app.kubernetes.io/instance': 'panelet',
        'app.kubernetes.io/component': 'controller',
      },
    },
  };

  test('open the agents’ ports: one to everybody, one to controllers, metrics to the monitoring, and nothing else', () => {
    const { ingress } = specOf('panelet-agent');
    const monitoring = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } };
    expect(ingress?.map(({ ports, from }) => [ports.map(({ port }) => port), from])).toEqual([
      [[7443], undefined],
      [[7445], [controller]],
      [[7444], [monitoring]],
    ]);
    expect(specOf('panelet-controller').ingress?.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([7444]);
    expect(specOf('panelet-host').ingress).toBeUndefined();
  });

  test('let clients and controllers of an older release in where clients are limited, and no client where controllers go', () => {
    const clients = [{ ipBlock: { cidr: '10.0.0.0/8' } }];
    const [first, second] = specOf('panelet-agent', { networkPolicy: { clients } }).ingress!;
    expect(first).toEqual({ ports: [{ port: 7443, protocol: 'TCP' }], from: [...clients, controller] });
    expect(second).toEqual({ ports: [{ port: 7445, protocol: 'TCP' }], from: [controller] });
  });

  test('name the labels that the pods of controllers have', () => {
    const { labels } = rendered.get('Deployment', 'panelet-controller').spec!.template!.metadata;
    expect(labels).toMatchObject(controller.podSelector.matchLabels);
  });

  const dns = [{ port: 53, protocol: 'UDP' }, { port: 53, protocol: 'TCP' }];
  const apiServer = { ports: [{ port: 443, protocol: 'TCP' }, { port: 6443, protocol: 'TCP' }] };
  const anywhereElse = {
    to: [
      { namespaceSelector: {} },
      { ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.169.254/32'] } },
      { ipBlock: { cidr: '::/0', except: ['fd00:ec2::254/128'] } },
    ],
  };
  const all = ['panelet-agent', 'panelet-controller', 'panelet-host', 'panelet-jobs'];

  test('keep every pod from where the cloud hands out the node’s credentials, and keep DNS, that of the node too', () => {
    for (const name of all) {
      const { policyTypes, egress } = specOf(name);
      expect(policyTypes).toEqual(['Ingress', 'Egress']);
      expect(egress).toEqual([{ ports: dns }, ...(name === 'panelet-host' ? [] : [apiServer]), anywhereElse]);
    }
  });

  test('select the pods of every workload, hooks and tests too', () => {
    const selected = (labels: Readonly<Record<string, string>> = {}): string[] =>
      rendered.manifests.flatMap(({ kind, metadata, spec }) => {
        if (kind !== 'NetworkPolicy') return [];
        const { matchLabels, matchExpressions = [] } = spec?.['podSelector'] as {
          matchLabels: Record<string, string>;
          matchExpressions?: { key: string; values: string[] }[];
        };
        const fits =
          Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
          matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''));
        return fits ? [metadata.name] : [];
      });
    const found = rendered.manifests
      .filter((manifest) => podOf(manifest) !== undefined)
      .map((manifest) => selected((manifest.kind === 'Pod' ? manifest : manifest.spec?.template)?.metadata.labels));
    expect(found.map((names) => names.length)).toEqual(found.map(() => 1));
    expect([...new Set(found.flat())].sort()).toEqual(all);
  });

  test('limit controller, agents and jobs to what they need when that is asked for, and hosts to what is said', () => {
    const more = [{ to: [{ ipBlock: { cidr: '10.1.0.0/16' } }] }];
    const egress = { enabled: true, agents: more, host: more };
    const rulesOf = (name: string): unknown => specOf(name, { networkPolicy: { egress } }).egress;
    const agents = { ...controller, podSelector: { matchLabels: { ...controller.podSelector.matchLabels, 'app.kubernetes.io/component': 'agent' } } };
    const toAgents = { ports: [{ port: 7445, protocol: 'TCP' }, { port: 7443, protocol: 'TCP' }], to: [agents] };
    expect(rulesOf('panelet-controller')).toEqual([{ ports: dns }, apiServer, toAgents]);
    expect(rulesOf('panelet-jobs')).toEqual([{ ports: dns }, apiServer, toAgents]);
    expect(rulesOf('panelet-agent')).toEqual([{ ports: dns }, apiServer, ...more]);
    expect(rulesOf('panelet-host')).toEqual([{ ports: dns }, ...more]);
  });

  test('limit nothing that goes out when nothing is denied', () => {
    for (const name of all) {
      const { policyTypes, egress } = specOf(name, { networkPolicy: { egress: { denied: [] } } });
      expect([policyTypes, egress]).toEqual([['Ingress'], undefined]);
    }
  });
});

describe('policies of admission', () => {
  const kind = 'MutatingAdmissionPolicy';
  const name = 'panelet-requested-by.panelet-system.panelet.dev';

  test('stamp who asked only where the cluster can, in the version it has', () => {
    expect(rendered.has(kind, name)).toBe(false);
    for (const version of ['v1', 'v1beta1']) {
      const { get } = render({ apiVersions: [`admissionregistration.k8s.io/${version}/${kind}`] });
      expect(get(kind, name).apiVersion).toBe(`admissionregistration.k8s.io/${version}`);
      expect(get(`${kind}Binding`, name).spec).toEqual({ policyName: name });
    }
  });

  test('guard pods against deletion only when that is asked for, and never in the way of the cluster', () => {
    const guard = 'panelet-delete-guard.panelet-system.panelet.dev';
    expect(rendered.has('ValidatingAdmissionPolicy', guard)).toBe(false);
    const { spec } = render({ values: { admission: { deleteGuard: true } } }).get('ValidatingAdmissionPolicy', guard);
    const text = JSON.stringify(spec);
    for (const user of ['panelet-system:panelet-controller', 'system:node:', 'kube-system:', 'kube-controller-manager']) {
      expect(text).toContain(user);
    }
    expect(text).toContain('panelet retire ');
  });
});

describe('helm test', () => {
  const pod = podOf(rendered.get('Pod', 'panelet-test'))!;

  test('comes as a user: with a token for this audience alone, and the published certificates', () => {
    expect(pod.serviceAccountName).toBe('panelet-user');
    expect(pod.volumes).toContainEqual({
      name: 'token',
      projected: {
        sources: [{ serviceAccountToken: { path: 'token', audience: 'panelet.dev', expirationSeconds: 600 } }],
      },
    });
    expect(pod.volumes).toContainEqual({ name: 'ca', configMap: { name: 'panelet-ca' } });
  });

  test('needs no DNS', () => {
    const valueOf = (values: object): string | undefined =>
      podOf(render({ values }).get('Pod', 'panelet-test'))!
        .containers[0]!.env!.find(({ name }) => name === 'PANELET_ADDRESS')
        ?.value;
    expect(valueOf({})).toBe('$(PANELET_SERVICE_HOST):7443');
    expect(valueOf({ service: { port: 443 } })).toBe('$(PANELET_SERVICE_HOST):443');
    expect(valueOf({ test: { address: '10.0.0.1:7443' } })).toBe('10.0.0.1:7443');
  });

  test('uses commands and options that the CLI has', async () => {
    const values = { panels: { echo: { enabled: true } } };
    const script = podOf(render({ values }).get('Pod', 'panelet-test'))!.containers[0]!.command!.join('\n');
    const lines = [...script.matchAll(/\bp (ls|attach echo --no-tty|exec terminal)\b/g)].map(([, line]) => line!);
    expect(lines).toEqual(['ls', 'attach echo --no-tty', 'exec terminal']);
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const world = { version: '', stdout, stderr };
    for (const line of lines) {
      const argv = ['--server-name=panelet-agent', ...line.split(' '), '--help'];
      expect(await runCli(argv, world as unknown as Parameters<typeof runCli>[1])).toBe(0);
    }
    expect(String(stdout.read())).toContain('--no-tty');
  });

  test('asks only for panels that are there', () => {
    const values = { panels: { echo: { enabled: false } }, host: { enabled: false } };
    const script = podOf(render({ values }).get('Pod', 'panelet-test'))!.containers[0]!.command!.join('\n');
    expect(script).toContain('p ls');
    expect(script).not.toMatch(/attach|exec/);
  });
});

describe('monitoring', () => {
  test('is off', () => {
    const kinds = rendered.manifests.map(({ kind }) => kind);
    expect(kinds).not.toContain('PodMonitor');
    expect(kinds).not.toContain('PrometheusRule');
  });

  test('scrapes with a token and the published certificates', () => {
    const podMonitor = { enabled: true, credentials: { name: 'scraper' } };
    const { get } = render({ values: { monitoring: { podMonitor, labels: { release: 'kps' } } } });
    const agents = get('PodMonitor', 'panelet-agent');
    expect(agents.metadata.labels).toMatchObject({ release: 'kps' });
    expect(agents.spec).toMatchObject({
      podMetricsEndpoints: [
        {
          port: 'metrics',
          scheme: 'https',
          authorization: { credentials: { name: 'scraper', key: 'token' } },
          tlsConfig: { serverName: 'panelet-agent', ca: { configMap: { name: 'panelet-ca', key: 'ca.crt' } } },
        },
      ],
    });
  });

  test('says what is missing to scrape', () => {
    const { stderr } = tryRender({ values: { monitoring: { podMonitor: { enabled: true } } } });
    expect(stderr).toMatch(/monitoring\.podMonitor\.credentials\.name is missing/);
  });
});
