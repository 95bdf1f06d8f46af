import { readFileSync } from 'node:fs';
import { describe, expect, jest, test } from '@jest/globals';
import * as annotations from '#controller/restart/api/annotations.js';
import { judge } from './admission-policy.js';
import { readText, render } from './chart.js';

// Every rendering is a run of helm.
jest.setTimeout(60_000);

const { get } = render();
const policyOf = (name: string) => get('ValidatingAdmissionPolicy', `panelet-${name}.panelet-system.panelet.dev`);
const account = (name: string): string => `system:serviceaccount:panelet-system:panelet-${name}`;
const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'panelet-agent', uid: 'u1', controller: true };

type Change = (object: ReturnType<typeof targetOf>) => void;

function targetOf(image = 'panelet:1') {
  return {
    metadata: {
      name: 'panelet-agent',
      namespace: 'panelet-system',
      generation: 1,
      labels: { app: 'panelet' } as Record<string, string> | undefined,
      finalizers: undefined as string[] | undefined,
      ownerReferences: undefined as object[] | undefined,
      annotations: { 'panelet.dev/rollout': 'managed', 'panelet.dev/gate-daemonset': 'panelet-agent' } as
        Record<string, string> | undefined,
    },
    spec: { template: { metadata: {}, spec: { containers: [{ name: 'agent', image }] } } },
  };
}

/** What becomes of a change of an object, by somebody. */
function changed(policy: string, username: string, change: Change, mayUpdate = false): string | undefined {
  const [before, after] = [targetOf(), targetOf()].map((object) => JSON.parse(JSON.stringify(object)) as typeof object);
  change(after!);
  const object = JSON.parse(JSON.stringify(after)) as object;
  return judge(policyOf(policy), { username, mayUpdate, object, oldObject: before! });
}

const annotate =
  (...keys: string[]): Change =>
  ({ metadata }) => {
    metadata.annotations = { ...metadata.annotations, ...Object.fromEntries(keys.map((key) => [key, 'x'])) };
  };
const otherChanges: Readonly<Record<string, Change>> = {
  'an image': ({ spec }) => (spec.template.spec.containers[0]!.image = 'evil:1'),
  'what kubectl rollout restart does': ({ spec }) =>
    (spec.template.metadata = { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } }),
  'a label': ({ metadata }) => (metadata.labels = { app: 'panelet', a: 'b' }),
  'all labels': ({ metadata }) => (metadata.labels = undefined),
  'a finalizer': ({ metadata }) => (metadata.finalizers = ['a.example/b']),
  'an owner': ({ metadata }) => (metadata.ownerReferences = [owner]),
};
const people = [
  ...[annotations.restartAnnotation, annotations.reasonAnnotation, annotations.drainTimeoutAnnotation],
  ...[annotations.noticeAnnotation, annotations.onTimeoutAnnotation, annotations.onUnreachableAnnotation],
  ...[annotations.maxUnavailableAnnotation, 'panelet.dev/max-surge', 'panelet.dev/warm-timeout'],
  ...[annotations.retireTimeoutAnnotation, annotations.maxRetiringAnnotation],
];
const controllers = [
  ...[annotations.observedAnnotation, annotations.resultAnnotation, annotations.errorAnnotation],
  ...[annotations.rolloutObservedAnnotation, annotations.rolloutErrorAnnotation],
];
const decisive = [
  ...[annotations.gateDaemonSetAnnotation, annotations.gateTargetAnnotation, annotations.rolloutAnnotation],
  ...['panelet.dev/detach-label', 'panelet.dev/handover'],
  ...[annotations.requestedByAnnotation, 'kubectl.kubernetes.io/last-applied-configuration', 'a'],
];

// An annotation that is missing in the policy stops every restart of a cluster that has such policies.
test('the list of what the controller writes at a target is complete', () => {
  const source = readFileSync('controller/restart/api/annotations.ts', 'utf8');
  const written = [...source.matchAll(/\/\*\*([^/]*?)\*\/\nexport const \w+ = '([^']+)'/g)]
    .filter(([, comment = '']) => comment.includes('Annotation on a target:') && /Written by\s+(?:\*\s+)?the controller/.test(comment))
    .map(([, , name]) => name);
  expect([...controllers].sort()).toEqual(written.sort());
});

describe('who may patch a DaemonSet and not update it', () => {
  const by = (change: Change): string | undefined => changed('requests-only', 'operator', change);

  test('asks for a restart, with all that a request has, and takes it back', () => {
    expect(by(annotate(...people))).toBeUndefined();
    expect(by(({ metadata }) => (metadata.annotations = { ...metadata.annotations }))).toBeUndefined();
  });

  test('is who asked: nobody claims to be another', () => {
    const claims = (name: string): Change => ({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, 'panelet.dev/requested-by': name };
    };
    expect(by(claims('operator'))).toBeUndefined();
    expect(by(claims('somebody'))).toContain('panelet.dev/requested-by');
  });

  test.each([...controllers, ...decisive])('does not write %s', (key) => {
    expect(by(annotate(key))).toContain(`may not change the annotation ${key} of panelet-agent`);
  });

  test('does not take away an annotation that decides who answers or whether it drains', () => {
    expect(by(({ metadata }) => (metadata.annotations = undefined))).toContain('panelet.dev/rollout');
  });

  test.each(Object.keys(otherChanges))('does not change %s, and is told how to ask for a restart', (name) => {
    expect(by(otherChanges[name]!)).toMatch(/kubectl rollout restart.* annotate daemonset\/panelet-agent panelet\.dev\/restart=now/);
  });

  test('with another change in the same request changes nothing', () => {
    const both: Change = (object) => {
      annotate(annotations.restartAnnotation)(object);
      otherChanges['an image']!(object);
    };
    expect(by(both)).toContain('not change it');
  });
});

test.each([...Object.keys(otherChanges)])('who may update a DaemonSet changes %s, as ever', (name) => {
  expect(changed('requests-only', 'system:serviceaccount:kube-system:generic-garbage-collector', otherChanges[name]!, true)).toBeUndefined();
});

describe('the controller', () => {
  const by = (change: Change): string | undefined => changed('requests-only', account('controller'), change);

  test('notes at a DaemonSet what it took up, and what is wrong', () => {
    expect(by(annotate(...controllers))).toBeUndefined();
  });

  test.each([...people, ...decisive])('does not write %s there', (key) => {
    expect(by(annotate(key))).toContain(key);
  });

  test.each(Object.keys(otherChanges))('does not change %s there', (name) => {
    expect(by(otherChanges[name]!)).toBeDefined();
  });

  test('writes no annotation at a target but those', () => {
    const folder = 'controller/restart';
    const names = ['request/rollout-trigger', 'request/annotation-trigger', 'request/accept', 'request/target-writer', 'decide/target-result'];
    const files = names.map((name) => readText(`${folder}/${name}.ts`));
    const used = [...files.join('\n').matchAll(/\b([a-zA-Z]+Annotation)\b/g)].map(([, name]) => name!);
    const values = annotations as unknown as Record<string, unknown>;
    const written = new Set(used.filter((name) => name in values).map((name) => values[name]));
    expect([...written].sort()).toEqual(expect.arrayContaining([...controllers].sort()));
    const others = [...written].filter((key) => !controllers.includes(String(key)));
    // What a restart carries, not its target; and the request, which is read.
    const elsewhere = ['panelet.dev/rollout-revision', 'panelet.dev/restart-requested', 'panelet.dev/restart'];
    expect(others.filter((key) => !elsewhere.includes(String(key)))).toEqual([]);
  });
});

describe.each(['controller', 'cleanup-pre-delete', 'cleanup-post-delete'])('the account of %s', (name) => {
  const by = (change: Change): string | undefined => changed('claims-only', account(name), change);

  test('claims a pod and lets it go', () => {
    expect(by(annotate(annotations.claimAnnotation))).toBeUndefined();
  });

  const daemonSet = { ...owner, blockOwnerDeletion: true };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'panelet-controller', uid: 'u2', controller: true };
  const inDaemonSet = { 'panelet.dev/in-daemonset': 'true' };
  const taken = { 'panelet.dev/detached': 'r1' };
  const podOfDaemonSet: Change = ({ metadata }) => {
    metadata.labels = { ...metadata.labels, ...inDaemonSet };
    metadata.ownerReferences = [daemonSet];
  };
  const podTakenOut: Change = ({ metadata }) => {
    metadata.labels = { app: 'panelet', ...taken };
    metadata.ownerReferences = [{ ...owner, controller: false }, lease];
    metadata.annotations = {
      ...metadata.annotations,
      [annotations.claimAnnotation]: '{}',
      'cluster-autoscaler.kubernetes.io/daemonset-pod': 'true',
    };
  };
  const owners =
    (...references: object[]): Change =>
    ({ metadata }) => {
      metadata.ownerReferences = references;
    };
  const between = (before: Change, ...after: Change[]): string | undefined => {
    const oldObject = targetOf();
    before(oldObject);
    const object = structuredClone(oldObject);
    for (const change of after) change(object);
    const plain = (value: object): object => JSON.parse(JSON.stringify(value)) as object;
    return judge(policyOf('claims-only'), { username: account(name), object: plain(object), oldObject: plain(oldObject) });
  };

  test('takes a pod out of its DaemonSet, and puts it back', () => {
    expect(between(podOfDaemonSet, podTakenOut)).toBeUndefined();
    expect(between(podTakenOut, podOfDaemonSet, owners(owner))).toBeUndefined();
  });

  const retiring: Change = ({ metadata }) => {
    metadata.labels = { app: 'panelet', 'panelet.dev/retiring': 'true' };
    metadata.ownerReferences = [{ ...owner, controller: false }, lease];
  };

  test('has it retire, and gives it the owners of a new installation', () => {
    expect(between(podTakenOut, retiring, annotate(annotations.retireAtAnnotation, annotations.retirementAnnotation))).toBeUndefined();
    const anew = [{ ...owner, uid: 'u4', controller: false }, { ...lease, uid: 'u5' }];
    expect(between(retiring, owners(...anew))).toBeUndefined();
    expect(between(retiring, owners({ ...owner, uid: 'u4' }, lease))).toMatch(/nothing else/);
    expect(between(retiring, owners({ ...owner, name: 'a', uid: 'u4', controller: false }, lease))).toMatch(/nothing else/);
  });

  test.each<[string, Change]>([
    ['gives it no other owner', owners({ ...owner, controller: false }, { ...lease, kind: 'ConfigMap' })],
    ['gives it no other Lease', owners({ ...owner, controller: false }, { ...lease, name: 'a' })],
    ['gives it no other DaemonSet', owners({ ...owner, uid: 'u3' }, lease)],
    ['does not take its DaemonSet from it', owners(lease)],
    ['lets it hold up no deletion', owners({ ...owner, controller: false }, { ...lease, blockOwnerDeletion: true })],
  ])('%s', (_what, change) => {
    expect(between(podOfDaemonSet, change)).toMatch(/nothing else/);
  });

  test.each(Object.keys(otherChanges))('does not change %s of a pod', (change) => {
    expect(by(otherChanges[change]!)).toMatch(/whether it is in its DaemonSet, and that it retires, nothing else/);
  });

  test('writes no other annotation at a pod', () => {
    expect(by(annotate('a'))).toMatch(/nothing else/);
  });
});

test('others change pods as RBAC lets them', () => {
  expect(changed('claims-only', 'system:node:a', otherChanges['an image']!)).toBeUndefined();
});

describe('who may patch pods and not update them', () => {
  const retiring: Change = ({ metadata }) => (metadata.labels = { 'panelet.dev/retiring': 'true' });
  const by = (isRetiring: boolean, change: Change, username = 'somebody', mayUpdate = false): string | undefined => {
    const oldObject = targetOf();
    if (isRetiring) retiring(oldObject);
    const object = structuredClone(oldObject);
    change(object);
    const plain = (value: object): object => JSON.parse(JSON.stringify(value)) as object;
    return judge(policyOf('retire-only'), { username, mayUpdate, object: plain(object), oldObject: plain(oldObject) });
  };
  const until = annotate(annotations.retireAtAnnotation);

  test('says when one that retires has to go, and of no other', () => {
    expect(by(true, until)).toBeUndefined();
    expect(by(false, until)).toMatch(/has to go/);
  });

  test.each(Object.keys(otherChanges))('does not change %s of it', (change) => {
    expect(by(true, otherChanges[change]!)).toMatch(/has to go/);
  });

  test('writes no other annotation, and is nobody else', () => {
    expect(by(true, annotate(annotations.claimAnnotation))).toMatch(/has to go/);
    expect(by(true, otherChanges['an image']!, 'admin', true)).toBeUndefined();
    expect(by(false, annotate('a'), 'system:serviceaccount:kube-system:daemon-set-controller')).toBeUndefined();
    expect(by(true, annotate(annotations.claimAnnotation), account('controller'))).toBeUndefined();
  });
});

describe('a request for a certificate', () => {
  const asked = (username: string, signerName: string): string | undefined =>
    judge(policyOf('own-signer'), { username, object: { spec: { signerName } } });

  test('by an agent is for the agents’ signer, and no other', () => {
    expect(asked(account('agent'), 'panelet.dev/node')).toBeUndefined();
    expect(asked(account('agent'), 'kubernetes.io/kube-apiserver-client')).toMatch(/panelet\.dev\/node only/);
  });

  test('by others is none of our business', () => {
    expect(asked('admin', 'kubernetes.io/kube-apiserver-client')).toBeUndefined();
  });
});

test('the policies refuse when they cannot tell, in the release’s namespace alone, and are bound', () => {
  for (const name of ['requests-only', 'claims-only', 'retire-only', 'own-signer']) {
    const { spec, metadata } = policyOf(name);
    expect(spec).toMatchObject({ failurePolicy: 'Fail' });
    if (name !== 'own-signer') {
      const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'panelet-system' } };
      expect(spec?.['matchConstraints']).toMatchObject({ namespaceSelector });
    }
    expect(get('ValidatingAdmissionPolicyBinding', metadata.name).spec).toEqual({
      policyName: metadata.name,
      validationActions: ['Deny'],
    });
  }
});

test('they may be left out, and the one about certificates where cert-manager makes them', () => {
  const names = (values: object): string[] =>
    render({ values })
      .manifests.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
      .map(({ metadata }) => metadata.name.split('.')[0]!);
  expect(names({ admission: { leastPrivilege: false } })).toEqual([]);
  const tls = { mode: 'certManager', certManager: { issuerRef: { name: 'ca' } } };
  expect(names({ tls }).sort()).toEqual(['panelet-claims-only', 'panelet-requests-only', 'panelet-retire-only']);
});
