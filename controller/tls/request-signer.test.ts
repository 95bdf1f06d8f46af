import { X509Certificate } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';
import { agentForm, createRequest, type RequestForm } from '#test/support/controller/signing-requests.js';
import { waitFor } from '#test/support/wait-for.js';

import { certificateSigningRequests as resource, type CertificateSigningRequest } from '#kube/certificate-objects.js';
import type { Pod } from '#kube/objects.js';
import { createStore, type Store } from '#kube/store.js';
import { createAuthority, type Authority } from './authority.js';
import { createRequestSigner } from './request-signer.js';

const names = {
  ...{ signerName: 'panelet.dev/node', namespace: 'ns' },
  ...{ serviceAccount: 'panelet-agent', service: 'panelet-agent' },
};
const pod: Pod = {
  metadata: { namespace: 'ns', name: 'agent-1', uid: 'u1', labels: { 'panelet.dev/component': 'agent' } },
  spec: { nodeName: 'n1' },
  status: { podIP: '10.0.0.7' },
};

let clock: FakeClock;
let kube: FakeKube;
let requests: Store<CertificateSigningRequest>;
let pods: Store<Pod>;
let authority: Authority;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  clock = createFakeClock();
  clock.advance(1_700_000_000_000);
  kube = createFakeKube(clock);
  requests = createStore();
  pods = createStore();
  pods.observe(pod);
  kube.onChange = () => requests.replace(kube.all(resource));
  const random = createSeededRandom(1);
  authority = await createAuthority({ clock, random }, 3_600_000_000);
  stop = new AbortController();
  const deps = { api: kube, names, requests, pods, clock, random, log: createSilentLog() };
  running = createRequestSigner({ ...deps, authority: () => authority }).run(stop.signal);
});

afterEach(async () => {
  stop.abort();
  await running;
});

async function ask(form: RequestForm, change: Partial<CertificateSigningRequest> = {}): Promise<() => typeof got> {
  const { request } = await createRequest(form);
  let got: CertificateSigningRequest = kube.put(resource, {
    metadata: { name: 'r' },
    spec: {
      signerName: names.signerName,
      request,
      usages: ['digital signature', 'server auth'],
      expirationSeconds: 3600,
      username: 'system:serviceaccount:ns:panelet-agent',
      extra: {
        'authentication.kubernetes.io/node-name': ['n1'],
        'authentication.kubernetes.io/pod-name': ['agent-1'],
        'authentication.kubernetes.io/pod-uid': ['u1'],
      },
    },
    ...change,
  });
  return () => {
    got = kube.all(resource)[0]!;
    return got;
  };
}

const form = agentForm('n1', '10.0.0.7', 'ns');
const until = (what: string, condition: () => boolean): Promise<void> => waitFor(what, condition, 5_000);

describe('signer of requests for certificates', () => {
  test('approves and signs what an agent may have, with its authority in the chain', async () => {
    const now = await ask(form);
    await until('a certificate', () => now().status?.certificate !== undefined);
    expect(kube.writes.map(({ verb }) => verb)).toEqual(['patchApproval', 'patchStatus']);
    expect(now().status?.conditions).toMatchObject([{ type: 'Approved', status: 'True' }]);
    const chain = Buffer.from(now().status!.certificate!, 'base64').toString();
    const [leaf, issuer] = chain.split(/(?<=-----END CERTIFICATE-----\n)/).map((pem) => new X509Certificate(pem));
    expect(issuer!.fingerprint256).toBe(new X509Certificate(authority.certificate).fingerprint256);
    expect(leaf!.verify(issuer!.publicKey)).toBe(true);
    expect(leaf!.ca).toBe(false);
    expect(leaf!.subject).toBe('O=panelet:agents\nCN=panelet:node:n1');
    expect(leaf!.subjectAltName).toBe(
      'DNS:panelet-agent, DNS:panelet-agent.ns.svc, DNS:n1.node.panelet.dev, IP Address:10.0.0.7',
    );
    expect(leaf!.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(Date.parse(leaf!.validTo) - clock.date().getTime()).toBe(3_600_000);
  });

  test('signs nothing beyond the end of its authority', async () => {
    authority = await createAuthority({ clock, random: createSeededRandom(2) }, 60_000);
    const now = await ask(form);
    await until('a certificate', () => now().status?.certificate !== undefined);
    const leaf = new X509Certificate(Buffer.from(now().status!.certificate!, 'base64'));
    expect(Date.parse(leaf.validTo)).toBe(authority.notAfterMs);
  });

  test('denies with a reason, and says it once', async () => {
    const now = await ask({ ...form, authority: true });
    await until('a denial', () => now().status?.conditions !== undefined);
    expect(now().status).toMatchObject({
      conditions: [{ type: 'Denied', status: 'True', reason: 'AsksTooMuch' }],
    });
    expect(kube.writes).toHaveLength(1);
  });

  test('does not sign what somebody else approved against the rules', async () => {
    const status = { conditions: [{ type: 'Approved', status: 'True' }] } as const;
    const now = await ask({ ...form, authority: true }, { status });
    await until('a failure', () => now().status?.conditions?.length === 2);
    expect(now().status?.conditions?.[1]).toMatchObject({ type: 'Failed', reason: 'AsksTooMuch' });
    expect(now().status?.certificate).toBeUndefined();
  });

  test('waits for the address of the pod, and signs when it is known', async () => {
    pods.observe({ ...pod, status: {} });
    const now = await ask(form);
    await until('its waiting', () => clock.pending() > 0);
    expect(kube.writes).toEqual([]);
    pods.observe(pod);
    await until('a certificate', () => now().status?.certificate !== undefined);
  });

  test('leaves requests of other signers alone, and answered ones', async () => {
    await ask(form, { spec: { signerName: 'other.dev/x', request: '' } });
    await ask(form, { metadata: { name: 'denied' }, status: { conditions: [{ type: 'Denied', status: 'True' }] } });
    await ask(form, { metadata: { name: 'last' } });
    await until('the last one', () => kube.writes.length === 2);
    expect(new Set(kube.writes.map(({ name }) => name))).toEqual(new Set(['last']));
  });
});
