import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import { admitNew, admitUpdate } from '../store/admission.js';
import { textAt, valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import type { ResourceKind } from '../store/resource-kind.js';
import { isStatusError } from '../store/status-error.js';
import { builtinKinds } from './builtin-kinds.js';
import { pullPolicyOf } from './container-defaults.js';
import { createCustomKind, establishedDefinition, parseDefinition } from './custom-kind.js';
import { fromEventsView, toEventsView } from './event-views.js';
import { qosClassOf } from './pod-defaults.js';

const deps = { clock: createFakeClock(), random: createSeededRandom(1) };

const kindOf = (plural: string): ResourceKind => {
  const found = builtinKinds.find(({ kind }) => kind.plural === plural);
  if (found === undefined) throw new Error(plural);
  return found.kind;
};

const object = (kind: string, fields: object, name = 'x'): AnyObject => ({
  apiVersion: '',
  kind,
  metadata: { name, namespace: 'ns' },
  ...fields,
});

const refusalOf = (work: () => unknown): string => {
  try {
    work();
    return '';
  } catch (error) {
    if (!isStatusError(error)) throw error;
    return error.message;
  }
};

const container = { name: 'c', image: 'i:1' };
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
const daemonSet = (spec: object = {}): AnyObject =>
  object('DaemonSet', { spec: { selector: { matchLabels: { a: 'b' } }, template, ...spec } });

describe('a new pod', () => {
  test('gets what the API server fills in', () => {
    const ports = [{ containerPort: 80 }];
    const probe = { httpGet: { port: 80 } };
    const pod = admitNew(
      kindOf('pods'),
      object('Pod', { spec: { containers: [{ ...container, ports, readinessProbe: probe }] } }),
      deps,
    );
    expect(pod).toMatchObject({
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        enableServiceLinks: true,
        terminationGracePeriodSeconds: 30,
        serviceAccountName: 'default',
        serviceAccount: 'default',
        tolerations: [{ key: 'node.kubernetes.io/not-ready' }, { key: 'node.kubernetes.io/unreachable' }],
        containers: [
          {
            imagePullPolicy: 'IfNotPresent',
            terminationMessagePolicy: 'File',
            ports: [{ protocol: 'TCP' }],
            readinessProbe: { httpGet: { path: '/', scheme: 'HTTP' }, periodSeconds: 10, failureThreshold: 3 },
          },
        ],
      },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    });
  });

  test.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['registry:5000/nginx', 'Always'],
    ['nginx:1.2', 'IfNotPresent'],
    ['nginx@sha256:0', 'IfNotPresent'],
  ])('pulls %s %s', (image, policy) => {
    expect(pullPolicyOf(image)).toBe(policy);
  });

  test('is ranked by what its containers ask for', () => {
    const pod = (resources: object): unknown => ({ spec: { containers: [{ resources }] } });
    expect(qosClassOf(pod({}))).toBe('BestEffort');
    expect(qosClassOf(pod({ requests: { cpu: '1' } }))).toBe('Burstable');
    expect(qosClassOf(pod({ limits: { cpu: '1', memory: '1Gi' } }))).toBe('Guaranteed');
  });

  test.each([
    [{}, /spec\.containers: Required value/],
    [{ containers: [{ name: 'c' }] }, /spec\.containers\[0\]\.image: Required value/],
    [
      { containers: [{ name: 'C_', image: 'i' }] },
      /spec\.containers\[0\]\.name: Invalid value: "C_": a lowercase RFC 1123 label/,
    ],
    [{ containers: [container, container] }, /spec\.containers\[1\]\.name: Duplicate value: "c"/],
    [{ containers: [{ ...container, ports: [{ containerPort: 0 }] }] }, /must be between 1 and 65535, inclusive/],
    [
      { containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
      /volumeMounts\[0\]\.name: Not found: "v"/,
    ],
    [
      { containers: [container], restartPolicy: 'Often' },
      /Unsupported value: "Often": supported values: "Always", "OnFailure", "Never"/,
    ],
  ])('with the spec %j is refused', (spec, why) => {
    expect(refusalOf(() => admitNew(kindOf('pods'), object('Pod', { spec }), deps))).toMatch(why);
  });

  test('keeps its spec, but for the image, tolerations and a first node', () => {
    const kind = kindOf('pods');
    const tolerations = [{ key: 'k', operator: 'Exists' }];
    const pod = admitNew(kind, object('Pod', { spec: { containers: [container], tolerations } }), deps);
    const change = (fields: object): string =>
      refusalOf(() => admitUpdate(kind, { ...pod, spec: { ...(pod['spec'] as object), ...fields } }, pod, undefined));
    expect(change({ nodeName: 'n' })).toBe('');
    expect(change({ containers: [{ ...container, image: 'i:2' }] })).toBe('');
    expect(change({ tolerations: [] })).toMatch(/existing toleration can not be modified/);
    expect(change({ terminationGracePeriodSeconds: 60 })).toMatch(/pod updates may not change fields other than/);
    expect(change({ hostNetwork: true })).toMatch(/pod updates may not change fields other than/);
  });
});

test('a pod that should end before it is told to is given a second', () => {
  const spec = { containers: [container], terminationGracePeriodSeconds: -1 };
  const pod = admitNew(kindOf('pods'), object('Pod', { spec }), deps);
  expect(pod).toMatchObject({ spec: { terminationGracePeriodSeconds: 1 } });
});

describe('a daemonset', () => {
  test('gets what the API server fills in, and counts its templates', () => {
    const kind = kindOf('daemonsets');
    const made = admitNew(kind, daemonSet(), deps);
    expect(made).toMatchObject({
      metadata: { generation: 1, annotations: { 'deprecated.daemonset.template.generation': '1' } },
      spec: {
        revisionHistoryLimit: 10,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
        template: { spec: { restartPolicy: 'Always' } },
      },
      status: { desiredNumberScheduled: 0, numberReady: 0 },
    });
    const changed = {
      ...made,
      spec: { ...(made['spec'] as object), template: { ...template, metadata: { labels: { a: 'b', c: 'd' } } } },
    };
    expect(admitUpdate(kind, changed, made, undefined).metadata).toMatchObject({
      generation: 2,
      annotations: { 'deprecated.daemonset.template.generation': '2' },
    });
  });

  test.each([
    [
      { template: { ...template, spec: { containers: [{ ...container, livenessProbe: { grpc: { port: 0 } } }] } } },
      /containers\[0\]\.livenessProbe\.grpc\.port: Invalid value: 0: must be between 1 and 65535, inclusive/,
    ],
    [{ selector: {} }, /empty selector is invalid for daemonset/],
    [{ selector: undefined }, /`selector` does not match template `labels`/],
    [
      { selector: { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] } },
      /`selector` does not match template `labels`/,
    ],
    [
      { updateStrategy: { type: 'Never' } },
      /spec\.updateStrategy: Unsupported value: \{"Type":"Never","RollingUpdate":null\}: supported values: "RollingUpdate", "OnDelete"/,
    ],
    [{ minReadySeconds: -1 }, /must be greater than or equal to 0/],
    [
      { template: { ...template, spec: { containers: [container], restartPolicy: 'Never' } } },
      /supported values: "Always"/,
    ],
  ])('with %j is refused', (spec, why) => {
    expect(refusalOf(() => admitNew(kindOf('daemonsets'), daemonSet(spec), deps))).toMatch(why);
  });
});

describe('names and metadata', () => {
  const make = (metadata: object): AnyObject =>
    admitNew(
      kindOf('configmaps'),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '', namespace: 'ns', ...metadata } },
      deps,
    );

  test('a name is made from a beginning', () => {
    expect(make({ generateName: 'a-' }).metadata.name).toMatch(/^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test.each([
    [{}, /metadata\.name: Required value: name or generateName is required/],
    [{ name: 'A' }, /a lowercase RFC 1123 subdomain must consist of/],
    [{ name: 'a'.repeat(254) }, /must be no more than 253 bytes/],
    [{ name: 'a', labels: { 'a b': 'c' } }, /metadata\.labels: Invalid value: "a b"/],
    [{ name: 'a', labels: { a: 1 } }, /must be a string/],
    [{ name: 'a', annotations: { '/': 'c' } }, /metadata\.annotations: Invalid value/],
    [{ name: 'a', finalizers: ['mine'] }, /name is neither a standard finalizer name nor is it fully qualified/],
    [
      { name: 'a', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] },
      /ownerReferences\[0\]\.uid: Required value: must not be empty/,
    ],
    [{ name: 'a', resourceVersion: '1' }, /resourceVersion should not be set on objects to be created/],
  ])('%j is refused', (metadata, why) => {
    expect(refusalOf(() => make(metadata))).toMatch(why);
  });

  test('empty and unknown parts of metadata are not kept', () => {
    const { metadata } = make({ name: 'a', labels: {}, managedFields: [], selfLink: '/x', clusterName: 'y' });
    expect(Object.keys(metadata).sort()).toEqual(['creationTimestamp', 'name', 'namespace', 'uid']);
  });
});

describe('the definition of restarts', () => {
  const definition = parseDefinition(
    readFileSync(resolve(import.meta.dirname, '../../charts/panelet/files/panelrestarts.yaml'), 'utf8'),
  );
  const { kind } = createCustomKind(definition);
  const restart = (spec: object): AnyObject =>
    admitNew(kind, object('PanelRestart', { spec, status: { phase: 'Running' } }), deps);

  test('fills in defaults, drops unknown fields and the status', () => {
    const made = restart({ targetRef: { name: 'agent' }, unknown: 1 });
    expect(made['spec']).toMatchObject({
      targetRef: { apiVersion: 'apps/v1', kind: 'DaemonSet' },
      drain: { onTimeout: 'Abort' },
      paused: false,
    });
    expect(valueAt(made, 'spec', 'unknown')).toBeUndefined();
    // Whatever the client said of it; the default says that no controller has looked yet.
    expect(made['status']).toEqual({ observedGeneration: -1 });
  });

  test('holds to its rules when it is changed', () => {
    const old = restart({ targetRef: { name: 'agent' }, abort: true });
    const change = (spec: object): string =>
      refusalOf(() =>
        admitUpdate(
          kind,
          { ...old, metadata: { ...old.metadata, resourceVersion: '1' }, spec },
          { ...old, metadata: { ...old.metadata, resourceVersion: '1' } },
          undefined,
        ),
      );
    expect(change({ targetRef: { name: 'agent' }, abort: true, reason: 'r' })).toBe('');
    expect(change({ targetRef: { name: 'agent' }, abort: false })).toMatch(
      /spec\.abort: Invalid value: false: abort cannot be taken back/,
    );
    expect(change({ targetRef: { name: 'host' }, abort: true })).toMatch(/targetRef cannot be changed/);
  });

  test('is shown as established', () => {
    const shown = establishedDefinition(definition, '2026-01-01T00:00:00Z');
    expect(shown).toMatchObject({
      status: {
        storedVersions: ['v1alpha1'],
        conditions: [{ type: 'NamesAccepted' }, { type: 'Established', status: 'True' }],
      },
    });
  });

  test('that is no definition is refused', () => {
    expect(() => parseDefinition('a: b')).toThrow(/no CustomResourceDefinition/);
  });
});

test('an event is the same in both views', () => {
  const stored = object('Event', {
    involvedObject: { name: 'p' },
    message: 'm',
    source: { component: 'c' },
    count: 2,
    reportingComponent: 'r',
    type: 'Normal',
  });
  const shown = toEventsView(stored);
  expect(shown).toMatchObject({
    apiVersion: 'events.k8s.io/v1',
    regarding: { name: 'p' },
    note: 'm',
    deprecatedCount: 2,
    reportingController: 'r',
  });
  expect(textAt(shown, 'message')).toBe('');
  expect(fromEventsView(shown)).toEqual({ ...stored, apiVersion: 'v1', kind: 'Event' });
});
