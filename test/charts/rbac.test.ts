import { describe, expect, jest, test } from '@jest/globals';
import { agentAskers, agentCalls, collectCalls, controllerCalls } from './api-calls.js';
import { readText, render, type Manifest, type PolicyRule } from './chart.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

const rendered = render();
const roles = rendered.manifests.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
const ruleList = roles.flatMap(({ kind, metadata, rules }) =>
  (rules ?? []).map((rule) => ({ role: `${kind} ${metadata.name}`, rule })),
);
const may = (role: Manifest, verb: string, resource: string): boolean =>
  (role.rules ?? []).some(({ verbs, resources }) => verbs.includes(verb) && resources?.includes(resource) === true);
const verbsOn = (role: Manifest, resource: string): string[] =>
  (role.rules ?? []).filter(({ resources }) => resources?.includes(resource)).flatMap(({ verbs }) => verbs);

test('no rule has a wildcard', () => {
  for (const { rule } of ruleList) {
    const words = [rule.apiGroups, rule.resources, rule.resourceNames, rule.verbs, rule.nonResourceURLs].flat();
    expect(words).not.toContain('*');
  }
});

test('the only secret anybody may touch is that of the certificate authority, by name and in one namespace', () => {
  const secrets = ruleList.filter(({ rule }) => rule.resources?.some((resource) => resource.startsWith('secrets')));
  expect(secrets).toEqual([
    {
      role: 'Role panelet-controller',
      rule: { apiGroups: [''], resources: ['secrets'], resourceNames: ['panelet-ca'], verbs: ['get', 'patch'] },
    },
  ]);
});

test('nobody may run something in a pod, or become somebody else', () => {
  const forbidden = ['pods/exec', 'pods/attach', 'pods/ephemeralcontainers', 'nodes/proxy', 'pods/proxy'];
  for (const { rule } of ruleList) {
    for (const resource of rule.resources ?? []) {
      expect(forbidden).not.toContain(resource);
      expect(resource).not.toMatch(/token$|roles|rolebindings/);
    }
    for (const verb of rule.verbs) expect(['impersonate', 'bind', 'escalate']).not.toContain(verb);
  }
});

test('nobody makes pods or changes nodes', () => {
  for (const { rule } of ruleList) {
    const writes = rule.verbs.filter((verb) => !['get', 'list', 'watch'].includes(verb));
    if (rule.resources?.includes('pods') === true) expect(writes).not.toContain('create');
    if (rule.resources?.includes('nodes') === true) expect(writes).toEqual([]);
  }
});

test('in the whole cluster, programs only read nodes, ask who somebody is, and deal with certificates', () => {
  const names = ['panelet:panelet-system:controller', 'panelet:panelet-system:agent'];
  const wide = names.flatMap((name) => rendered.get('ClusterRole', name).rules ?? []);
  expect([...new Set(wide.flatMap(({ resources }) => resources ?? []))].sort()).toEqual([
    'certificatesigningrequests',
    'certificatesigningrequests/approval',
    'certificatesigningrequests/status',
    'nodes',
    'signers',
    'subjectaccessreviews',
    'tokenreviews',
  ]);
});

test('only the controller signs, and only for the own signer', () => {
  const signers = ruleList.filter(({ rule }) => rule.resources?.includes('signers'));
  expect(signers.map(({ role, rule }) => [role, rule.resourceNames, rule.verbs])).toEqual([
    ['ClusterRole panelet:panelet-system:controller', ['panelet.dev/node'], ['approve', 'sign']],
  ]);
});

test('the host may do nothing', () => {
  const bindings = rendered.manifests.filter(({ kind }) => kind.endsWith('Binding') && kind.includes('Role'));
  const bound = bindings.flatMap(({ subjects }) => (subjects ?? []).map(({ name }) => name));
  expect(bound).not.toContain('panelet-host');
});

describe('people', () => {
  const user = rendered.get('ClusterRole', 'panelet-user');
  const operator = rendered.get('ClusterRole', 'panelet-operator');
  const admin = rendered.get('ClusterRole', 'panelet-admin');

  test('who use panels may not restart', () => {
    expect([may(user, 'create', 'panels'), may(user, 'list', 'sessions'), may(user, 'delete', 'sessions')]).toEqual([
      true,
      true,
      true,
    ]);
    expect(verbsOn(user, 'gates')).toEqual([]);
    expect(verbsOn(user, 'daemonsets')).toEqual([]);
    expect(verbsOn(user, 'panelrestarts')).toEqual([]);
    expect(may(user, 'administer', 'sessions')).toBe(false);
  });

  test('who operate may restart, but not open a session', () => {
    expect(verbsOn(operator, 'gates')).toEqual(['get', 'drain']);
    expect(may(operator, 'patch', 'daemonsets')).toBe(true);
    expect(may(operator, 'create', 'panelrestarts')).toBe(true);
    expect([...verbsOn(operator, 'panels'), ...verbsOn(operator, 'sessions')]).toEqual([]);
  });

  test('who administer may do both', () => {
    for (const resource of ['panels', 'sessions', 'gates', 'panelrestarts']) {
      const others = [...verbsOn(user, resource), ...verbsOn(operator, resource)];
      expect(verbsOn(admin, resource)).toEqual(expect.arrayContaining(others));
    }
    expect(may(admin, 'administer', 'sessions')).toBe(true);
  });

  test('have a service account for tokens that is a user in its own namespace only', () => {
    const binding = rendered.get('RoleBinding', 'panelet-user');
    expect(binding.roleRef).toMatchObject({ kind: 'ClusterRole', name: 'panelet-user' });
    expect(binding.subjects).toEqual([{ kind: 'ServiceAccount', name: 'panelet-user', namespace: 'panelet-system' }]);
    expect(rendered.manifests.filter(({ kind, roleRef }) => kind === 'ClusterRoleBinding' && roleRef?.name === user.metadata.name)).toEqual([]);
  });

  test('get it in every namespace only when that is asked for', () => {
    const labelled = (values: object): string[] =>
      render({ values })
        .manifests.filter(({ metadata }) =>
          Object.keys(metadata.labels ?? {}).some((label) => label.startsWith('rbac.authorization.k8s.io/aggregate')),
        )
        .map(({ metadata }) => metadata.name);
    expect(labelled({})).toEqual([]);
    expect(labelled({ roles: { aggregate: true } }).sort()).toEqual([
      'panelet-admin',
      'panelet-operator',
      'panelet-user',
    ]);
  });

  test('reach agents through the API server unless that is turned off', () => {
    const closed = render({ values: { roles: { portForward: false } } }).get('ClusterRole', 'panelet-user');
    expect(verbsOn(user, 'pods/portforward')).toEqual(['get', 'create']);
    expect(verbsOn(closed, 'pods/portforward')).toEqual([]);
  });
});

describe('programs may what they do, and nothing else:', () => {
  const virtual = ['signers'];
  const rightsOf = (...names: readonly (readonly [kind: string, name: string])[]) =>
    collectCalls(
      names
        .flatMap(([kind, name]) => rendered.get(kind, name).rules ?? [])
        .flatMap(({ resources = [], verbs }) => resources.flatMap((resource) => verbs.map((verb) => [resource, verb] as const)))
        .filter(([resource]) => !virtual.includes(resource)),
    );

  test('an agent', async () => {
    expect(agentAskers()).toEqual([
      'agent/kube/certificate-requests.ts',
      'agent/kube/config-map.ts',
      'agent/kube/reviews.ts',
    ]);
    expect(rightsOf(['Role', 'panelet-agent'], ['ClusterRole', 'panelet:panelet-system:agent'])).toEqual(await agentCalls());
  });

  test('the controller', () => {
    // The client only merges: it never replaces.
    expect(readText('kube/client-node/kube-client.ts')).not.toContain('HttpMethod.PUT');
    const calls = controllerCalls('kube', 'controller/lease', 'controller/metrics', 'controller/restart', 'controller/tls');
    expect(rightsOf(['Role', 'panelet-controller'], ['ClusterRole', 'panelet:panelet-system:controller'])).toEqual(calls);
  });

  test.each(['pre-delete', 'post-delete'])('the job that cleans up, %s', (phase) => {
    expect(rightsOf(['Role', `panelet-cleanup-${phase}`])).toEqual(controllerCalls('controller/cleanup'));
  });
});

test('DaemonSets are patched by name: those that are restarted', () => {
  const namesOf = (values: object): unknown[] => {
    const { get } = render({ values });
    return [get('ClusterRole', 'panelet-operator'), get('ClusterRole', 'panelet-admin'), get('Role', 'panelet-controller')].map(
      ({ rules = [] }) =>
        rules
          .filter(({ resources, verbs }) => resources?.includes('daemonsets') === true && verbs.includes('patch'))
          .map(({ resourceNames, verbs }) => ({ resourceNames, verbs })),
    );
  };
  const rule = (...resourceNames: string[]) => [{ resourceNames, verbs: ['patch'] }];
  const own = ['panelet-agent', 'panelet-host'];
  expect(namesOf({})).toEqual([rule(...own), rule(...own), rule(...own)]);
  const more = [...own, 'dashboards'];
  expect(namesOf({ controller: { daemonSets: ['dashboards'] } })).toEqual([rule(...more), rule(...more), rule(...more)]);
});

test('with cert-manager nobody needs the authority or requests for certificates', () => {
  const values = { tls: { mode: 'certManager', certManager: { issuerRef: { name: 'ca' } } } };
  const rules: PolicyRule[] = render({ values })
    .manifests.filter(({ metadata }) => !/-(user|operator|admin)$/.test(metadata.name))
    .flatMap((manifest) => manifest.rules ?? []);
  const resources = rules.flatMap((rule) => rule.resources ?? []);
  for (const word of ['secrets', 'configmaps', 'signers', 'certificatesigningrequests']) {
    expect(resources).not.toContain(word);
  }
});
