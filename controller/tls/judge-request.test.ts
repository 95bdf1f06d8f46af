import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { CertificateSigningRequest } from '#kube/certificate-objects.js';
import type { Pod } from '#kube/objects.js';
import type { AskedCertificate } from './asked-certificate.js';
import { judgeRequest, type Grant, type Judgement, type JudgesWorld } from './judge-request.js';

const pod: Pod = {
  metadata: { namespace: 'ns', name: 'agent-1', uid: 'u1', labels: { 'panelet.dev/component': 'agent' } },
  spec: { nodeName: 'n1' },
  status: { podIP: '10.0.0.7', phase: 'Running' },
};
const world: JudgesWorld = {
  ...{ namespace: 'ns', serviceAccount: 'panelet-agent', service: 'panelet-agent', nowMs: 1_000_000 },
  podOf: (uid) => (uid === 'u1' ? pod : undefined),
};
const spec: CertificateSigningRequest['spec'] = {
  signerName: 'panelet.dev/node',
  request: '',
  usages: ['digital signature', 'server auth'],
  expirationSeconds: 3600,
  username: 'system:serviceaccount:ns:panelet-agent',
  extra: {
    'authentication.kubernetes.io/node-name': ['n1'],
    'authentication.kubernetes.io/pod-name': ['agent-1'],
    'authentication.kubernetes.io/pod-uid': ['u1'],
  },
};
const request: CertificateSigningRequest = {
  metadata: { name: 'r', creationTimestamp: new Date(1_000_000).toISOString() },
  spec,
};
const publicKey = new ArrayBuffer(1);
const asked: AskedCertificate = {
  subject: ['O=panelet:agents', 'CN=panelet:node:n1'],
  dnsNames: ['panelet-agent', 'panelet-agent.ns.svc', 'n1.node.panelet.dev'],
  ips: ['10.0.0.7'],
  others: [],
  publicKey,
};

type Change = Partial<{
  spec: Partial<CertificateSigningRequest['spec']>;
  extra: Record<string, readonly string[]>;
  asked: Partial<AskedCertificate>;
  world: Partial<JudgesWorld>;
  pod: Partial<Pod>;
}>;

function judge(change: Change): string {
  const extra = { ...spec.extra, ...change.extra };
  const changedPod = { ...pod, ...change.pod };
  const podOf = (uid: string): Pod | undefined => (uid === 'u1' ? changedPod : undefined);
  const judgement = judgeRequest(
    { ...request, spec: { ...spec, extra, ...change.spec } },
    { ...asked, ...change.asked },
    { ...world, podOf, ...change.world },
  );
  return judgement.kind === 'deny' ? judgement.reason : judgement.kind;
}

const key = (name: string): string => `authentication.kubernetes.io/${name}`;
const late = { nowMs: 2_000_000 };

/** Who asks for what, and the pod that asks: what chance decides below. */
interface Case {
  readonly username: string;
  readonly nodes: readonly string[];
  readonly uids: readonly string[];
  readonly podNames: readonly string[];
  readonly usages: readonly string[];
  readonly subject: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly others: readonly string[];
  readonly seconds: number | undefined;
  readonly nodeName: string | undefined;
  readonly podIP: string | undefined;
  readonly label: string | undefined;
  readonly nowMs: number;
}

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const shuffled = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.shuffledSubarray([...values], { minLength: values.length });
const nowMs = pick(1_000_000, 2_000_000);
const seconds = fc.option(fc.integer({ min: 600, max: 1_000_000 }), { nil: undefined });
const nodeNames = pick('n1', 'n2', 'node-3.example');
const formOf = (node: string): readonly string[] => [
  'panelet-agent',
  'panelet-agent.ns.svc',
  `${node}.node.panelet.dev`,
];

/** What has to be granted: an agent, on any node and of any address, asks for itself. */
const rightful: fc.Arbitrary<Case> = fc.tuple(nodeNames, fc.ipV4()).chain(([node, ip]) =>
  fc.record({
    username: fc.constant(spec.username ?? ''),
    nodes: fc.constant([node]),
    uids: fc.constant(['u1']),
    podNames: fc.constant(['agent-1']),
    usages: shuffled(spec.usages ?? []),
    subject: shuffled(['O=panelet:agents', `CN=panelet:node:${node}`]),
    dnsNames: fc.subarray(formOf(node).slice(0, 2)).map((names) => [...names, `${node}.node.panelet.dev`]),
    ips: fc.constant([ip]),
    others: fc.constant([]),
    seconds,
    nodeName: fc.constant(node),
    podIP: fc.constant(ip),
    label: fc.constant('agent'),
    nowMs,
  }),
);

const text = fc.oneof(
  { weight: 4, arbitrary: pick('n1', 'n2', 'u1', 'u2', '') },
  { weight: 1, arbitrary: fc.string() },
);
/** Anything that may stand in place of a part of a case. */
const anything: fc.Arbitrary<Case> = fc.record({
  username: fc.oneof(
    pick('system:serviceaccount:ns:panelet-host', 'system:serviceaccount:x:panelet-agent'),
    fc.string(),
  ),
  nodes: fc.array(text),
  uids: fc.array(text),
  podNames: pick(['agent-1'], ['agent-2'], []),
  usages: fc.subarray(['digital signature', 'server auth', 'client auth', 'cert sign', 'any']),
  subject: fc.subarray([...asked.subject, 'O=panelet:controllers', 'CN=panelet:node:n2', 'OU=x']),
  dnsNames: fc.subarray([...formOf('n1'), 'n2.node.panelet.dev', '*.node.panelet.dev', 'kubernetes.default.svc']),
  ips: fc.subarray(['10.0.0.7', '10.0.0.8']),
  others: fc.subarray(['extension 2.5.29.19']),
  seconds,
  nodeName: pick('n1', 'n2', undefined),
  podIP: pick('10.0.0.7', '10.0.0.8', undefined),
  label: pick('agent', 'host', undefined),
  nowMs,
});
const parts = Object.keys({
  ...{ username: 0, nodes: 0, uids: 0, podNames: 0, usages: 0, subject: 0, dnsNames: 0, ips: 0, others: 0, seconds: 0 },
  ...{ nodeName: 0, podIP: 0, label: 0, nowMs: 0 },
} satisfies Record<keyof Case, number>) as (keyof Case)[];
/** A rightful case with up to three parts exchanged: all else is right, so that each rule is needed. */
const tampered: fc.Arbitrary<Case> = fc
  .tuple(rightful, anything, fc.subarray(parts, { minLength: 1, maxLength: 3 }))
  .map(([right, other, exchanged]) => ({
    ...right,
    ...Object.fromEntries(exchanged.map((part) => [part, other[part]])),
  }));

function judgeCase(chosen: Case): Judgement {
  const { username, usages, subject, dnsNames, ips, others, nodeName, podIP, label } = chosen;
  const extra = {
    [key('node-name')]: chosen.nodes,
    [key('pod-uid')]: chosen.uids,
    [key('pod-name')]: chosen.podNames,
  };
  const asking: Pod = {
    metadata: { ...pod.metadata, labels: label === undefined ? {} : { 'panelet.dev/component': label } },
    spec: nodeName === undefined ? {} : { nodeName },
    status: podIP === undefined ? {} : { podIP },
  };
  const wish = chosen.seconds === undefined ? {} : { expirationSeconds: chosen.seconds };
  return judgeRequest(
    { ...request, spec: { ...{ signerName: spec.signerName, request: '', username, usages, extra }, ...wish } },
    { subject, dnsNames, ips, others, publicKey },
    { ...world, nowMs: chosen.nowMs, podOf: (uid) => (uid === 'u1' ? asking : undefined) },
  );
}

/** Fails unless a grant names one node and is that of the token and the pod. */
function expectRightful(chosen: Case, grant: Grant): void {
  const { node } = grant;
  expect([chosen.username, chosen.nodes, chosen.uids]).toEqual([spec.username, [node], ['u1']]);
  expect([chosen.nodeName, chosen.label, chosen.podNames]).toEqual([node, 'agent', ['agent-1']]);
  expect([...chosen.subject].sort()).toEqual([`CN=panelet:node:${node}`, 'O=panelet:agents']);
  expect([...chosen.usages].sort()).toEqual(['digital signature', 'server auth']);
  expect(chosen.others).toEqual([]);
  expect(grant.ips).toEqual([chosen.podIP]);
  expect(grant.dnsNames.filter((name) => !formOf(node).includes(name))).toEqual([]);
  expect(grant.dnsNames).toContain(`${node}.node.panelet.dev`);
  expect(grant.validMs).toBeLessThanOrEqual(86_400_000);
}

describe('the judge of requests for certificates', () => {
  test('approves an agent that asks for its own node and address, for no longer than a day', () => {
    const { dnsNames, ips } = asked;
    const grant = { node: 'n1', dnsNames, ips, publicKey };
    expect(judgeRequest(request, asked, world)).toEqual({ kind: 'approve', grant: { ...grant, validMs: 3_600_000 } });
    for (const wish of [
      { ...spec, expirationSeconds: 86_400 },
      { ...spec, expirationSeconds: 10_000_000 },
    ]) {
      expect(judgeRequest({ ...request, spec: wish }, asked, world)).toMatchObject({ grant: { validMs: 86_400_000 } });
    }
  });

  test.each<[string, Change, string]>([
    ['another service account', { spec: { username: 'system:serviceaccount:ns:panelet-host' } }, 'NotAnAgent'],
    ['another namespace', { spec: { username: 'system:serviceaccount:other:panelet-agent' } }, 'NotAnAgent'],
    ['a token without a node', { extra: { [key('node-name')]: [] } }, 'NotAPod'],
    ['a token of two nodes', { extra: { [key('node-name')]: ['n1', 'n2'] } }, 'NotAPod'],
    ['a token without a pod', { extra: { [key('pod-uid')]: [''] } }, 'NotAPod'],
    ['another node in the token', { extra: { [key('node-name')]: ['n2'] } }, 'WrongSubject'],
    ['another node in the subject', { asked: { subject: ['O=panelet:agents', 'CN=panelet:node:n2'] } }, 'WrongSubject'],
    ['the controller as the subject', { asked: { subject: ['O=panelet:controllers', 'CN=x'] } }, 'WrongSubject'],
    ['more in the subject', { asked: { subject: [...asked.subject, 'O=panelet:controllers'] } }, 'WrongSubject'],
    ['a client certificate', { spec: { usages: ['digital signature', 'client auth'] } }, 'WrongUsages'],
    ['more usages', { spec: { usages: [...spec.usages!, 'cert sign'] } }, 'WrongUsages'],
    ['another extension', { asked: { others: ['extension 2.5.29.19'] } }, 'AsksTooMuch'],
    ['the name of another node', { asked: { dnsNames: [...asked.dnsNames, 'n2.node.panelet.dev'] } }, 'WrongName'],
    ['no name of its node', { asked: { dnsNames: ['panelet-agent'] } }, 'WrongName'],
    ['no address', { asked: { ips: [] } }, 'WrongAddress'],
    ['a pod that is not an agent', { pod: { metadata: { ...pod.metadata, labels: {} } } }, 'NotAnAgent'],
    ['a pod of another name', { extra: { [key('pod-name')]: ['agent-2'] } }, 'NotAnAgent'],
    ['a pod on another node', { pod: { spec: { nodeName: 'n2' } } }, 'WrongNode'],
    ['a pod that has ended', { pod: { status: { ...pod.status, phase: 'Failed' } } }, 'PodEnded'],
    ['a pod that nobody knows yet', { extra: { [key('pod-uid')]: ['u2'] } }, 'wait'],
    ['a pod that nobody knows for long', { extra: { [key('pod-uid')]: ['u2'] }, world: late }, 'PodUnknown'],
    ['a pod without an address yet', { pod: { status: {} } }, 'wait'],
    ['another address', { asked: { ips: ['10.0.0.8'] } }, 'wait'],
    ['another address for long', { asked: { ips: ['10.0.0.8'] }, world: late }, 'WrongAddress'],
    ['one address too many for long', { asked: { ips: ['10.0.0.7', '10.0.0.8'] }, world: late }, 'WrongAddress'],
    [
      'both addresses of its pod',
      {
        asked: { ips: ['10.0.0.7', 'fd00::7'] },
        pod: { status: { podIP: '10.0.0.7', podIPs: [{ ip: '10.0.0.7' }, { ip: 'fd00:0::7' }] } },
      },
      'approve',
    ],
  ])('%s: %s', (_what, change, expected) => {
    expect(judge(change)).toBe(expected);
  });

  test('denies what cannot be read', () => {
    expect(judgeRequest(request, undefined, world)).toMatchObject({ kind: 'deny', reason: 'Unreadable' });
  });

  test('whichever agent asks for itself gets what it asks for', () => {
    fc.assert(
      fc.property(rightful, (chosen) => {
        const judgement = judgeCase(chosen);
        if (judgement.kind !== 'approve') throw new Error(judgement.message);
        expectRightful(chosen, judgement.grant);
        expect(judgement.grant.dnsNames).toEqual(chosen.dnsNames);
      }),
      { numRuns: 1000 },
    );
  });

  test('whatever is exchanged in a request, what is granted names one node and is that of the token and the pod', () => {
    fc.assert(
      fc.property(tampered, (chosen) => {
        const judgement = judgeCase(chosen);
        if (judgement.kind === 'approve') expectRightful(chosen, judgement.grant);
      }),
      { numRuns: 10_000 },
    );
  });
});
