// The certificate library keeps its decorators' data there.
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type Clock, type FakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { createTestAuthority, type IssueOptions, type TestAuthority } from '#test/support/agent/test-authority.js';
import { turn } from '#test/support/settle.js';
import { waitFor } from '#test/support/wait-for.js';
import type { CertificateRequests, CertificateWish, RequestState } from '../kube/certificate-requests.js';
import type { CertificateSource } from './certificate-source.js';
import { openIdentityStore, type IdentityStore } from './identity-store.js';
import { createNodeCertificate } from './node-certificate.js';

const hourMs = 3_600_000;
let dir: string;
let requests: FakeRequests;
let store: IdentityStore;
let keeps: boolean;
let authority: TestAuthority;
let fake: FakeClock;
let clock: Clock;
let source: CertificateSource | undefined;
let tellBundle: (bundle: string | undefined) => void;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-identity-'));
  requests = createFakeRequests();
  fake = createFakeClock();
  const startMs = Date.now();
  clock = { ...fake, date: () => new Date(startMs + fake.nowMs()) };
  keeps = true;
  store = await openIdentityStore(join(dir, 'identity'), { writer: '1', keeps: () => keeps });
  authority = await createTestAuthority('panelet');
});
afterEach(() => {
  source?.close();
  source = undefined;
  // A write may be under way: the directory goes with that of the test file.
});

async function start(podIp = '10.244.1.7'): Promise<CertificateSource> {
  source = await createNodeCertificate({
    ...{ store, clock, random: createSeededRandom(1), log: createSilentLog() },
    requests,
    followBundle: (onBundle) => {
      tellBundle = onBundle;
      return Promise.resolve();
    },
    names: { node: 'node-a', namespace: 'panelet-system', serviceName: 'panelet-agent', podIp },
    ...{ signerName: 'panelet.dev/node', validitySeconds: 86_400 },
  });
  return source;
}

/** Requests of a cluster whose signer is the test. */
interface FakeRequests extends CertificateRequests {
  readonly wishes: CertificateWish[];
  polls: number;
  down: boolean;
  decide: (wish: CertificateWish) => Promise<RequestState>;
}

function createFakeRequests(): FakeRequests {
  const answer = <T>(give: () => Promise<T>): Promise<T> =>
    fakes.down ? Promise.reject(new PaneletError('API_UNAVAILABLE', 'The API server is away.')) : give();
  const fakes: FakeRequests = {
    wishes: [],
    polls: 0,
    down: false,
    decide: () => Promise.resolve({ kind: 'pending' }),
    create: (wish) =>
      answer(() => {
        fakes.wishes.push(wish);
        return Promise.resolve();
      }),
    state: (name) => {
      fakes.polls++;
      return answer(() => fakes.decide(fakes.wishes.find((wish) => wish.name === name)!));
    },
  };
  return fakes;
}

function signAll(change?: Partial<IssueOptions>): void {
  requests.decide = async ({ request }) => ({ kind: 'issued', certificate: await authority.sign(request, change) });
}

/** Lets time pass, turn by turn of the event loop, until something holds. @throws after a million turns */
async function passing(condition: () => boolean, what: string, byMs = 1_000): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 1_000_000) throw new Error(`It did not happen: ${what}`);
    // Only while something waits for time: the rest, such as making keys, takes as long as it takes.
    if (fake.pending() > 0) fake.advance(byMs);
    await turn();
  }
}

const untilFile = (name: string): Promise<void> =>
  waitFor(name, () => statSync(join(dir, 'identity', name), { throwIfNoEntry: false }) !== undefined);
const leafOf = (from: CertificateSource): X509Certificate => new X509Certificate(from.current()?.cert ?? '');

describe('the certificate of a node', () => {
  test('is asked for with the names of the node and nothing else, and kept for the next agent', async () => {
    signAll();
    const certificates = await start();
    expect(certificates.current()).toBeUndefined();
    expect(certificates.unready()).toHaveLength(1);
    await passing(() => certificates.current() !== undefined, 'a certificate');
    expect(certificates.unready()).toEqual([]);
    const [wish] = requests.wishes;
    expect(wish).toMatchObject({ signerName: 'panelet.dev/node', expirationSeconds: 86_400 });
    const request = new Pkcs10CertificateRequest(wish!.request);
    expect(request.subject).toBe('O=panelet:agents, CN=panelet:node:node-a');
    expect(request.extensions).toHaveLength(1);
    const names = request.extensions.find((part) => part instanceof SubjectAlternativeNameExtension)?.names.items;
    expect(names?.map(({ type, value }) => `${type}:${value}`)).toEqual([
      ...['dns:panelet-agent', 'dns:panelet-agent.panelet-system.svc', 'dns:node-a.node.panelet.dev'],
      'ip:10.244.1.7',
    ]);
    expect(leafOf(certificates).checkHost('panelet-agent')).toBe('panelet-agent');
    await untilFile('node.pem');
    expect(statSync(join(dir, 'identity', 'node.pem')).mode & 0o777).toBe(0o600);
    expect(await store.read()).toEqual({ cert: certificates.current()?.cert, key: certificates.current()?.key });
  });

  test('is kept by the newest agent of the node only: the next one needs none of a pod that goes', async () => {
    signAll();
    keeps = false;
    const certificates = await start();
    await passing(() => certificates.current() !== undefined, 'a certificate');
    await store.writeBundle(authority.pem);
    expect([await store.read(), await store.readBundle()]).toEqual([undefined, undefined]);
    keeps = true;
    await store.writeBundle(authority.pem);
    expect(await store.readBundle()).toBe(authority.pem);
  });

  test('of an earlier agent is used at once, while the API server is away', async () => {
    signAll();
    const first = await start();
    await passing(() => first.current() !== undefined, 'a certificate');
    tellBundle(authority.pem);
    await untilFile('node.pem');
    await untilFile('ca.crt');
    first.close();
    requests.down = true;
    const second = await start();
    expect(second.current()).toEqual({ ...first.current(), clientCa: authority.pem });
  });

  test('is used when the pod has another address now, and replaced', async () => {
    signAll();
    const first = await start();
    await passing(() => first.current() !== undefined, 'a certificate');
    const before = leafOf(first).serialNumber;
    await untilFile('node.pem');
    first.close();
    const second = await start('10.244.1.8');
    expect(leafOf(second).serialNumber).toBe(before);
    await passing(() => leafOf(second).serialNumber !== before, 'another certificate');
    expect(leafOf(second).checkIP('10.244.1.8')).toBe('10.244.1.8');
  });

  test('is not used when it was for another node, has expired, or cannot be read', async () => {
    const subject = [{ O: ['panelet:agents'] }, { CN: ['panelet:node:node-b'] }];
    const hosts = ['panelet-agent', 'panelet-agent.panelet-system.svc', 'node-b.node.panelet.dev'];
    await store.write(await authority.issue({ subject, hosts }));
    expect((await start()).current()).toBeUndefined();
    source?.close();
    writeFileSync(join(dir, 'identity', 'node.pem'), 'rubbish');
    expect((await start()).current()).toBeUndefined();
    source?.close();
    signAll({ notAfter: new Date(clock.date().getTime() + hourMs) });
    const good = await start();
    await passing(() => good.current() !== undefined, 'a certificate');
    await untilFile('node.pem');
    good.close();
    requests.down = true;
    fake.advance(2 * hourMs);
    expect((await start()).current()).toBeUndefined();
  });

  test('is renewed after about two thirds of its life, once', async () => {
    signAll();
    const certificates = await start();
    await passing(() => certificates.current() !== undefined, 'a certificate');
    const before = leafOf(certificates).serialNumber;
    const issuedMs = fake.nowMs();
    await passing(() => leafOf(certificates).serialNumber !== before, 'a renewal', 60_000);
    const hours = (fake.nowMs() - issuedMs) / hourMs;
    expect(hours).toBeGreaterThan(14);
    expect(hours).toBeLessThan(18.5);
    expect(requests.wishes).toHaveLength(2);
  });

  test('is replaced at once when the trusted authorities did not issue it', async () => {
    signAll();
    const certificates = await start();
    await passing(() => certificates.current() !== undefined, 'a certificate');
    const next = await createTestAuthority('next');
    const before = leafOf(certificates).serialNumber;
    authority = next;
    tellBundle(next.pem);
    expect(certificates.current()).toBeUndefined();
    await passing(() => certificates.current() !== undefined, 'another certificate');
    expect(leafOf(certificates).serialNumber).not.toBe(before);
  });

  test('is asked for again, ever more slowly, when it was denied, and the reason is told', async () => {
    requests.decide = () => Promise.resolve({ kind: 'refused', message: 'Denied: This pod is not on that node.' });
    const certificates = await start();
    await passing(() => certificates.unready()[0]?.includes('This pod is not on that node.') === true, 'the reason');
    const startMs = fake.nowMs();
    await passing(() => requests.wishes.length >= 10, 'more requests');
    expect(fake.nowMs() - startMs).toBeGreaterThan(60_000);
    signAll();
    await passing(() => certificates.current() !== undefined, 'a certificate');
  });

  test('is waited for while nobody approves, and while the API server is away', async () => {
    const certificates = await start();
    await passing(() => requests.polls > 3, 'polls');
    expect(certificates.unready()[0]).toMatch(/waits for its approval/);
    requests.down = true;
    await passing(() => requests.polls > 6, 'polls while it is away');
    requests.down = false;
    signAll();
    await passing(() => certificates.current() !== undefined, 'the certificate');
    expect(requests.wishes).toHaveLength(1);
  });

  test('keeps what was trusted when the bundle is empty or broken', async () => {
    signAll();
    const certificates = await start();
    await passing(() => certificates.current() !== undefined, 'a certificate');
    tellBundle(authority.pem);
    for (const bundle of [undefined, '', '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'])
      tellBundle(bundle);
    expect(certificates.current()?.clientCa).toBe(authority.pem);
  });
});
