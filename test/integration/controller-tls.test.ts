import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock, createSystemClock, type FakeClock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createGateClient, type ControllerGateClient } from '#controller/gate/gate-client.js';
import { createTlsCredentials } from '#controller/gate/gate-credentials.js';
import { configMaps, secrets } from '#kube/certificate-objects.js';
import {
  createAuthority,
  issueCertificate,
  keyAlgorithm,
  keyToPem,
  type Authority,
} from '#controller/tls/authority.js';
import { createCaKeeper, type CaKeeper } from '#controller/tls/ca-keeper.js';
import { defaultCaTimes } from '#controller/tls/ca-plan.js';
import { publishedAnnotation, rotateAnnotation } from '#controller/tls/ca-secret.js';
import { createCertificateFiles } from '#controller/tls/certificate-files.js';
import { createOwnCertificates, type OwnCertificates } from '#controller/tls/own-certificates.js';
import type { KeyedCertificate } from '#controller/tls/transport-identity.js';
import { OnTimeout, State, Target, type DrainRequest } from '#proto/gate/v1/gate.js';
import { createFakeKube, type FakeKube } from '#test/support/controller/fake-kube.js';
import { startGateServer, type GateServer } from '#test/support/controller/gate-server.js';
import { waitFor } from '#test/support/wait-for.js';

const key = { namespace: 'n', name: 'panelet-ca' };
const hourMs = 3_600_000;
const random = createSystemRandom();
const log = createSilentLog();

let clock: FakeClock;
let kube: FakeKube;
let keeper: CaKeeper;
let own: OwnCertificates;
let stop: AbortController;
let dir: string;
const running: Promise<void>[] = [];
const closing: { close(): void }[] = [];

beforeEach(() => {
  clock = createFakeClock();
  // Certificates made after hours of this clock are good now, and so are those made before.
  clock.advance(Date.now() - 5 * hourMs);
  kube = createFakeKube(clock);
  kube.put(secrets, { metadata: key });
  kube.put(configMaps, { metadata: key });
  keeper = createCaKeeper({ api: kube, secret: key, configMap: key, times: defaultCaTimes, clock, random, log });
  own = createOwnCertificates({ ca: keeper, serverNames: [{ type: 'dns', value: 'me' }], clock, random, log });
  stop = new AbortController();
  dir = mkdtempSync(join(tmpdir(), 'panelet-tls-'));
});

afterEach(async () => {
  for (const one of closing.splice(0)) one.close();
  stop.abort();
  await Promise.all(running.splice(0));
  rmSync(dir, { recursive: true, force: true });
});

const until = (what: string, condition: () => boolean | Promise<boolean>): Promise<void> =>
  waitFor(what, condition, 10_000);

/** Moves the clock by a minute each time it is called, at most so many times. */
function minutesUpTo(most: number): () => void {
  let left = most;
  return () => {
    if (left-- > 0) clock.advance(60_000);
  };
}

async function keyed(
  authority: Authority,
  name: string,
  usage: 'clientAuth' | 'serverAuth',
): Promise<KeyedCertificate> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const cert = await issueCertificate({ clock, random }, authority, {
    subject: [{ CN: [name] }],
    names: [{ type: 'dns', value: name }],
    usages: [usage],
    publicKey: await webcrypto.subtle.exportKey('spki', keys.publicKey),
    validMs: 24 * hourMs,
  });
  return { cert, key: await keyToPem(keys.privateKey) };
}

async function gate(trust: string, authority: Authority, node = 'n1'): Promise<GateServer> {
  const server = await startGateServer({
    trust,
    ...(await keyed(authority, `${node}.node.panelet.dev`, 'serverAuth')),
  });
  closing.push(server);
  return server;
}

function connect(certificates: Parameters<typeof createTlsCredentials>[0], token?: string): ControllerGateClient {
  const client = createGateClient({
    clock: createSystemClock(),
    credentials: createTlsCredentials(certificates),
    ...(token === undefined ? {} : { token: () => token }),
  });
  closing.push(client);
  return client;
}

async function lead(): Promise<Authority> {
  running.push(
    keeper.lead(stop.signal, () => undefined),
    own.run(stop.signal),
  );
  await until('certificates', () => own.current() !== undefined);
  return keeper.current()!.active;
}

async function failureOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isPaneletError(error) ? `${error.code} ${error.message}` : String(error);
}

const at = (server: GateServer, serverName = 'n1.node.panelet.dev') => ({
  ...{ host: '127.0.0.1', port: server.port, serverName },
});
const request: DrainRequest = {
  command: { restartUid: 'r', fencing: 1, generation: 1 },
  ...{ target: Target.AGENT, notice: undefined, timeout: undefined, lease: undefined },
  ...{ onTimeout: OnTimeout.ABORT, reason: '' },
};

describe('the controller and a gate over TLS', () => {
  test('know each other by certificates of the authority, without a token', async () => {
    const authority = await lead();
    const server = await gate(keeper.current()!.bundle, authority);
    const client = connect(() => own.current());
    await client.status(at(server));
    await client.status(at(server));
    expect(server.clients.map(({ subject, authorization }) => [subject, authorization])).toEqual([
      ['panelet:controllers/panelet-controller', ''],
      ['panelet:controllers/panelet-controller', ''],
    ]);
    expect(server.connections()).toBe(1);
  });

  test('are nothing to each other when the node is another, or its authority is', async () => {
    const authority = await lead();
    const server = await gate(keeper.current()!.bundle, authority);
    const client = connect(() => own.current());
    expect(await failureOf(client.status(at(server, 'n2.node.panelet.dev')))).toMatch(/^AGENT_UNREACHABLE .*n2\.node/);
    const foreign = await createAuthority({ clock, random }, 24 * hourMs);
    const impostor = await gate(keeper.current()!.bundle, foreign);
    expect(await failureOf(client.status(at(impostor)))).toMatch(/^AGENT_UNREACHABLE /);
    expect([...server.clients, ...impostor.clients]).toEqual([]);
  });

  test('are out of reach, with a word why, while there is no authority', async () => {
    const client = connect(() => own.current());
    const nowhere = { host: '127.0.0.1', port: 1 };
    const word = /^AGENT_UNREACHABLE .*no certificate yet/;
    expect(await failureOf(client.status(nowhere))).toMatch(word);
    const drained = new Promise<void>((resolve, reject) => {
      client.drain(nowhere, request, {
        onState: () => undefined,
        onEnd: (error) => (error ? reject(error) : resolve()),
      });
    });
    expect(await failureOf(drained)).toMatch(word);
  });

  test('go on with a drain while the authority is rotated; new calls show the new certificate', async () => {
    const first = await lead();
    const client = connect(() => own.current());
    const server = await gate(keeper.current()!.bundle, first);
    await client.status(at(server));
    const states: (State | undefined)[] = [];
    let ended: Error | 'ok' | undefined;
    client.drain(at(server), request, {
      onState: (response) => states.push(response.status?.state),
      onEnd: (error) => (ended = error ?? 'ok'),
    });
    await until('a drain', () => server.drains.size === 1);
    server.tell(State.CORDONED);

    const firstClient = own.current();
    kube.mutate(secrets, key, ({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, annotations: { ...metadata.annotations, [rotateAnnotation]: 'now' } },
    }));
    // Keys take time of their own to be made, and a certificate of a time after now would not be valid yet.
    const first30Minutes = minutesUpTo(30);
    await until('the next authority is published', () => {
      first30Minutes();
      return kube.find(secrets, key)?.metadata.annotations?.[publishedAnnotation] !== undefined;
    });
    const twoHoursMore = minutesUpTo(120);
    await until('the switch', () => {
      twoHoursMore();
      return keeper.current()!.active.certificate !== first.certificate && own.current() !== firstClient;
    });
    await until('a certificate of the next authority', () => own.current()!.trust === keeper.current()!.bundle);
    // An agent that has not renewed yet is still trusted, one that has is too.
    const renewed = await gate(keeper.current()!.bundle, keeper.current()!.active);
    const old = await gate(keeper.current()!.bundle, first);
    await client.status(at(renewed));
    await client.status(at(old));
    expect(renewed.clients[0]!.subject).toBe('panelet:controllers/panelet-controller');
    expect(renewed.clients[0]!.serial).not.toBe(server.clients[0]!.serial);

    expect(await failureOf(client.status(at(server)))).toMatch(/^AGENT_UNREACHABLE/);
    expect(server.connections()).toBeGreaterThanOrEqual(1);
    server.tell(State.CLOSED);
    await until('both states', () => states.length === 2);
    for (const call of server.drains) call.end();
    await until('the end of the drain', () => ended !== undefined);
    expect(ended).toBe('ok');
    expect(states).toEqual([State.CORDONED, State.CLOSED]);
  });

  test('close a connection of former certificates after its last call', async () => {
    const authority = await lead();
    const bundle = keeper.current()!.bundle;
    const server = await gate(bundle, authority);
    const client = connect(() => own.current());
    await client.status(at(server));
    let ended = false;
    client.drain(at(server), request, { onState: () => undefined, onEnd: () => (ended = true) });
    await until('a drain', () => server.drains.size === 1);
    const before = own.current();
    clock.advance(4 * hourMs);
    await until('a renewal', () => own.current() !== before);
    await client.status(at(server));
    expect(server.connections()).toBe(2);
    expect(server.clients[1]!.serial).not.toBe(server.clients[0]!.serial);
    for (const call of server.drains) call.end();
    await until('the end of the drain', () => ended);
    await until('one connection', () => server.connections() === 1);
  });

  test('use files that somebody else renews, and the last good ones meanwhile', async () => {
    const authority = await createAuthority({ clock, random }, 24 * hourMs);
    const file = (name: string): string => join(dir, name);
    const write = ({ cert, key: text }: KeyedCertificate): void => {
      writeFileSync(file('tls.crt'), cert);
      writeFileSync(file('tls.key'), text);
    };
    writeFileSync(file('ca.crt'), authority.certificate);
    write(await keyed(authority, 'first', 'clientAuth'));
    const names = { caFile: file('ca.crt'), own: { certFile: file('tls.crt'), keyFile: file('tls.key') } };
    const files = createCertificateFiles({ ...names, clock, log });
    running.push(files.run(stop.signal));
    const server = await gate(authority.certificate, authority);
    const client = connect(() => files.current(), 'secret');
    await client.status(at(server));
    writeFileSync(file('tls.crt'), 'half a fi');
    clock.advance(10_000);
    await until('a look', () => clock.pending() === 1);
    await client.status(at(server));
    write(await keyed(authority, 'second', 'clientAuth'));
    const before = files.current();
    clock.advance(10_000);
    await until('the files', () => files.current() !== before);
    await client.status(at(server));
    expect(server.clients.map(({ subject, authorization }) => [subject, authorization])).toEqual([
      ['/first', 'Bearer secret'],
      ['/first', 'Bearer secret'],
      ['/second', 'Bearer secret'],
    ]);
  });
});
