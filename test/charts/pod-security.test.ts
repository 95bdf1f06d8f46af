import { describe, expect, test } from '@jest/globals';
import { containersOf, podOf, readText, render, type PodSpec } from './chart.js';
import { baselineFaults, podSecurityLevel, restrictedFaults } from './pod-security.js';

const { manifests, get } = render();
const workloads = manifests.flatMap((manifest) => {
  const pod = podOf(manifest);
  return pod === undefined ? [] : [{ name: `${manifest.kind} ${manifest.metadata.name}`, pod }];
});
const agent = podOf(get('DaemonSet', 'panelet-agent'))!;
const host = podOf(get('DaemonSet', 'panelet-host'))!;

test('docs/reference/pod-security.md states the level of every workload, as it is', () => {
  const table = [...readText('docs/reference/pod-security.md').matchAll(/^\| `([A-Za-z]+ [a-z-]+)` \| ([a-z]+) \|/gm)];
  const stated = Object.fromEntries(table.map(([, name = '', level = '']) => [name, level]));
  const real = Object.fromEntries(workloads.map(({ name, pod }) => [name, podSecurityLevel(pod)]));
  expect(stated).toEqual(real);
});

describe.each([
  ['agents', agent, []],
  [
    'the host',
    host,
    [
      'worker-terminal: may run as root',
      'worker-terminal: runs as root',
      'worker-terminal: adds CHOWN, KILL, SETGID, SETPCAP, SETUID',
    ],
  ],
])('the pods of %s', (_who, pod, ofOwners) => {
  test('need more than "baseline" for directories of the node alone', () => {
    expect(baselineFaults(pod)).toEqual(['hostPath volumes']);
  });

  test('are nobody’s in all containers but the one that prepares those directories, and that of the shells', () => {
    expect(restrictedFaults(pod)).toEqual([
      'prepare: may run as root',
      'prepare: runs as root',
      'prepare: adds CHOWN',
      ...ofOwners,
    ]);
  });

  test('have a read-only root file system and no privileges', () => {
    for (const { securityContext } of containersOf(pod)) {
      expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
      expect(securityContext?.capabilities?.drop).toEqual(['ALL']);
    }
  });
});

test('all run as 65532 but for the one that prepares, and that of the shells, which becomes 65532', () => {
  for (const { pod } of workloads) {
    expect(pod.securityContext?.runAsUser).toBe(65532);
    const others = containersOf(pod).filter(({ securityContext }) => securityContext?.runAsUser !== undefined);
    const prepares = pod.initContainers === undefined ? [] : ['prepare'];
    const ofOwners = pod.containers.filter(({ name }) => name === 'worker-terminal');
    expect(others.map(({ name }) => name)).toEqual([...prepares, ...ofOwners.map(({ name }) => name)]);
    for (const { command } of ofOwners) expect(command?.slice(0, 3)).toEqual(['setpriv', '--reuid=65532', '--regid=65532']);
  }
});

test('only the controller and the job that cleans up have a token for the API server in all their containers, of which they have one', () => {
  const withToken = workloads.filter(({ pod }) => pod.automountServiceAccountToken !== false);
  expect(withToken.map(({ name }) => name).sort()).toEqual([
    'Deployment panelet-controller',
    'Job panelet-cleanup-post-delete',
    'Job panelet-cleanup-pre-delete',
  ]);
  for (const { pod } of withToken) expect(containersOf(pod)).toHaveLength(1);
});

test('of an agent’s pod the container `agent` alone has a token for the API server, where programs look for it', () => {
  const where = '/var/run/secrets/kubernetes.io/serviceaccount';
  const tokens = (agent.volumes ?? []).filter((volume) => JSON.stringify(volume).includes('serviceAccountToken'));
  expect(tokens).toHaveLength(1);
  const mounted = containersOf(agent).flatMap(({ name, volumeMounts = [] }) =>
    volumeMounts.filter((mount) => mount.name === tokens[0]!.name).map((mount) => ({ ...mount, container: name })),
  );
  expect(mounted).toEqual([{ container: 'agent', name: tokens[0]!.name, mountPath: where, readOnly: true }]);
  const { sources } = tokens[0]!['projected'] as { sources: { serviceAccountToken?: object }[] };
  expect(sources).toEqual([
    { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ]);
});

test('what a container writes is bounded, and so is every directory for it', () => {
  const own = { metrics: { target: 'agent', image: 'example/metrics:1', resources: { limits: { memory: '1Gi' } } } };
  for (const manifest of render({ values: { panels: own } }).manifests) {
    const pod = podOf(manifest);
    if (pod === undefined) continue;
    for (const { name, resources } of containersOf(pod)) {
      const bounds = [resources?.requests?.['ephemeral-storage'], resources?.limits?.['ephemeral-storage'], resources?.limits?.['memory']];
      expect([manifest.kind, name, bounds]).toEqual([manifest.kind, name, [expect.any(String), expect.any(String), expect.any(String)]]);
    }
    for (const { name, emptyDir } of pod.volumes ?? []) {
      if (emptyDir !== undefined) expect([name, emptyDir]).toEqual([name, { sizeLimit: expect.any(String) }]);
    }
  }
});

test('a host’s /tmp may be in memory, where a full one ends no pod', () => {
  const { volumes } = podOf(render({ values: { host: { tmp: { medium: 'Memory', sizeLimit: '256Mi' } } } }).get('DaemonSet', 'panelet-host'))!;
  expect(volumes).toContainEqual({ name: 'tmp', emptyDir: { sizeLimit: '256Mi', medium: 'Memory' } });
});

test('shells that may share a user need no root', () => {
  const values = { panels: { terminal: { parameters: { allowSameUser: 'true' } } } };
  const pod = podOf(render({ values }).get('DaemonSet', 'panelet-host'))!;
  expect(restrictedFaults(pod).filter((fault) => fault.startsWith('worker'))).toEqual([]);
  expect(pod.volumes?.map(({ name }) => name)).not.toContain('names');
});

test('a worker sees only its own part of the state, and that of terminals what is its owners’', () => {
  for (const container of containersOf(agent).concat(host.containers)) {
    if (!container.name.startsWith('worker-')) continue;
    const panel = container.name.slice('worker-'.length);
    const state = container.volumeMounts?.filter(({ name }) => name === 'state');
    const ofOwners = panel === 'terminal' ? ['owners', 'homes'] : [];
    expect(state).toEqual(
      [`sessions/${panel}`, ...ofOwners].map((part) => ({ name: 'state', mountPath: `/var/lib/panelet/${part}`, subPath: part })),
    );
  }
});

test('a host port costs the agents nothing but its own mention', () => {
  const pod = podOf(render({ values: { agent: { hostPort: 7443 } } }).get('DaemonSet', 'panelet-agent'))!;
  expect(baselineFaults(pod)).toEqual(['hostPath volumes', 'agent: host ports']);
});

const good: PodSpec = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    {
      name: 'a',
      image: 'a',
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    },
  ],
};
test.each<[string, PodSpec, string]>([
  ['nothing', good, 'restricted'],
  ['a capability that baseline knows', withContext({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } }), 'baseline'],
  ['another capability', withContext({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }), 'privileged'],
  ['privilege escalation', withContext({ allowPrivilegeEscalation: true }), 'baseline'],
  ['root', withContext({ runAsUser: 0 }), 'baseline'],
  ['privileged', withContext({ privileged: true }), 'privileged'],
  ['the host’s processes', { ...good, hostPID: true }, 'privileged'],
  ['no seccomp profile', { ...good, securityContext: { runAsNonRoot: true } }, 'baseline'],
])('a pod with %s', (_what, pod, level) => {
  expect(podSecurityLevel(pod)).toBe(level);
});

function withContext(change: object): PodSpec {
  const [container] = good.containers;
  return { ...good, containers: [{ ...container!, securityContext: { ...container!.securityContext, ...change } }] };
}

test('all programs may run as another uid than 65532', () => {
  const text = JSON.stringify(render({ values: { uid: 4711 } }).manifests);
  expect(text).not.toContain('65532');
  expect(text).toContain('--reuid=4711');
});
