import { X509Certificate } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';
import { agentForm, createRequest } from '#test/support/controller/signing-requests.js';
import { waitFor } from '#test/support/wait-for.js';

import { certificateSigningRequests, configMaps, secrets } from '#kube/certificate-objects.js';
import type { Pod } from '#kube/objects.js';
import { createStore } from '#kube/store.js';
import { defaultCaTimes } from './ca-plan.js';
import { createOwnCa, type OwnCa } from './own-ca.js';

const key = { namespace: 'ns', name: 'panelet-ca' };

let clock: FakeClock;
let kube: FakeKube;
let stop: AbortController;
let ca: OwnCa;
const running: Promise<void>[] = [];

beforeEach(() => {
  clock = createFakeClock();
  clock.advance(1_700_000_000_000);
  kube = createFakeKube(clock);
  kube.put(configMaps, { metadata: key });
  stop = new AbortController();
  ca = createOwnCa({
    ...{ api: kube, secret: key, configMap: key, times: defaultCaTimes },
    names: { signerName: 's', namespace: 'ns', serviceAccount: 'panelet-agent', service: 'panelet-agent' },
    serverNames: [{ type: 'dns', value: 'panelet-controller.ns.svc' }],
    ...{ clock, random: createSeededRandom(1), log: createSilentLog() },
  });
});

afterEach(async () => {
  stop.abort();
  await Promise.all(running.splice(0));
});

const until = (what: string, condition: () => boolean): Promise<void> => waitFor(what, condition, 5_000);

describe('an authority of our own', () => {
  test('gives this process a certificate for gates and one for its metrics', async () => {
    kube.put(secrets, { metadata: key });
    running.push(ca.run(stop.signal), ca.lead(stop.signal, createStore<Pod>()));
    await until('certificates', () => ca.current() !== undefined);
    const { client, server, trust } = ca.current()!;
    const issuer = new X509Certificate(trust);
    const [shown, served] = [client, server].map((pair) => new X509Certificate(pair!.cert));
    expect([shown, served].map((certificate) => certificate!.verify(issuer.publicKey))).toEqual([true, true]);
    expect(shown!.subject).toBe('O=panelet:controllers\nCN=panelet-controller');
    expect(shown!.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(served!.subjectAltName).toBe('DNS:panelet-controller.ns.svc');
    expect(served!.subject).not.toContain('panelet:controllers');
    expect(served!.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  test('signs for an agent once the bundle is out', async () => {
    kube.put(secrets, { metadata: key });
    const pods = createStore<Pod>();
    pods.observe({
      metadata: { namespace: 'ns', name: 'a', uid: 'u', labels: { 'panelet.dev/component': 'agent' } },
      spec: { nodeName: 'n1' },
      status: { podIP: '10.0.0.7' },
    });
    const { request } = await createRequest(agentForm('n1', '10.0.0.7', 'ns'));
    const extra = (name: string): string => `authentication.kubernetes.io/${name}`;
    kube.put(certificateSigningRequests, {
      metadata: { name: 'r' },
      spec: {
        ...{ signerName: 's', request, usages: ['server auth', 'digital signature'] },
        username: 'system:serviceaccount:ns:panelet-agent',
        extra: { [extra('node-name')]: ['n1'], [extra('pod-name')]: ['a'], [extra('pod-uid')]: ['u'] },
      },
    });
    running.push(ca.run(stop.signal), ca.lead(stop.signal, pods));
    await until('a certificate', () => kube.all(certificateSigningRequests)[0]?.status?.certificate !== undefined);
    const order = kube.writes.map(({ verb, plural }) => `${verb} ${plural}`);
    expect(order).toEqual([
      'patch secrets',
      'patch configmaps',
      'patchApproval certificatesigningrequests',
      'patchStatus certificatesigningrequests',
    ]);
  });

  test('waits for its Secret, and goes on when it is there', async () => {
    running.push(ca.run(stop.signal), ca.lead(stop.signal, createStore<Pod>()));
    await until('its waiting', () => clock.pending() >= 3);
    expect(ca.current()).toBeUndefined();
    kube.put(secrets, { metadata: key });
    await until('certificates', () => {
      clock.advance(10_000);
      return ca.current() !== undefined;
    });
  });
});
