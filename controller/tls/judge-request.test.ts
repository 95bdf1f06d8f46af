import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { CertificateSigningRequest } from '../kube/certificate-objects.js';
import type { Pod } from '../kube/objects.js';
import type { AskedCertificate } from './asked-certificate.js';
import { judgeRequest, type JudgesWorld } from './judge-request.js';

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

  test('whatever is asked, what is granted names one node and is that of the token and the pod', () => {
    const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
    const some = <T>(...values: T[]): fc.Arbitrary<T[]> => fc.subarray(values, { minLength: 0 });
    const text = fc.oneof({ weight: 4, arbitrary: pick('n1', 'n2', '') }, { weight: 1, arbitrary: fc.string() });
    const arbitrary = fc.record({
      username: fc.oneof({ weight: 6, arbitrary: fc.constant(spec.username!) }, { weight: 1, arbitrary: fc.string() }),
      nodes: fc.oneof({ weight: 4, arbitrary: fc.constant(['n1']) }, { weight: 1, arbitrary: fc.array(text) }),
      uids: fc.oneof({ weight: 4, arbitrary: fc.constant(['u1']) }, { weight: 1, arbitrary: fc.array(text) }),
      podNames: pick(['agent-1'], ['agent-2'], []),
      usages: fc.oneof(
        { weight: 3, arbitrary: fc.constant([...spec.usages!]) },
        { weight: 1, arbitrary: some('digital signature', 'server auth', 'client auth', 'cert sign', 'any') },
      ),
      subject: fc.oneof(
        { weight: 3, arbitrary: fc.constant([...asked.subject]) },
        { weight: 1, arbitrary: some(...asked.subject, 'O=panelet:controllers', 'CN=panelet:node:n2', 'OU=x') },
      ),
      dnsNames: some(...asked.dnsNames, 'n2.node.panelet.dev', '*.node.panelet.dev', 'kubernetes.default.svc'),
      ips: some('10.0.0.7', '10.0.0.8'),
      others: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: some('extension 2.5.29.19') },
      ),
      seconds: fc.option(fc.integer({ min: 600, max: 1_000_000 }), { nil: undefined }),
      nodeName: pick('n1', 'n2', undefined),
      podIP: pick('10.0.0.7', '10.0.0.8', undefined),
      label: pick('agent', 'host', undefined),
      nowMs: pick(1_000_000, 2_000_000),
    });
    let granted = 0;
    fc.assert(
      fc.property(arbitrary, (chosen) => {
        const { username, usages, subject, dnsNames, ips, others, nodeName, podIP, label, nowMs, seconds } = chosen;
        const extra = {
          [key('node-name')]: chosen.nodes,
          [key('pod-uid')]: chosen.uids,
          [key('pod-name')]: chosen.podNames,
        };
        const labels = label === undefined ? {} : { 'panelet.dev/component': label };
        const changed: Pod = {
          metadata: { ...pod.metadata, labels },
          spec: nodeName === undefined ? {} : { nodeName },
          status: podIP === undefined ? {} : { podIP },
        };
        const judgement = judgeRequest(
          {
            ...request,
            spec: {
              ...{ signerName: spec.signerName, request: '', username, usages, extra },
              ...(seconds === undefined ? {} : { expirationSeconds: seconds }),
            },
          },
          { subject, dnsNames, ips, others, publicKey },
          { ...world, nowMs, podOf: (uid) => (uid === 'u1' ? changed : undefined) },
        );
        if (judgement.kind !== 'approve') return;
        granted++;
        const { grant } = judgement;
        expect([username, chosen.nodes, chosen.uids]).toEqual([spec.username, [grant.node], ['u1']]);
        expect([nodeName, label]).toEqual([grant.node, 'agent']);
        expect([...subject].sort()).toEqual([`CN=panelet:node:${grant.node}`, 'O=panelet:agents']);
        expect([...usages].sort()).toEqual(['digital signature', 'server auth']);
        expect(others).toEqual([]);
        expect(grant.ips).toEqual([podIP]);
        const form = ['panelet-agent', 'panelet-agent.ns.svc', `${grant.node}.node.panelet.dev`];
        expect(grant.dnsNames.filter((name) => !form.includes(name))).toEqual([]);
        expect(grant.dnsNames).toContain(`${grant.node}.node.panelet.dev`);
        expect(grant.validMs).toBeLessThanOrEqual(86_400_000);
      }),
      { numRuns: 20_000 },
    );
    expect(granted).toBeGreaterThan(0);
  });
});
