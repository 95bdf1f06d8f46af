import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { credentials, Metadata, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { createHealth } from '#common/grpc/health.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { HealthClient } from '#grpc/health/v1/health.js';
import { GateServiceClient, GateStatus, type StatusRequest, type StatusResponse } from '#proto/gate/v1/gate.js';
import { SessionServiceClient, type ListPanelsRequest, type ListPanelsResponse } from '#proto/session/v1/session.js';
import { createRawClient, helloBytes, statusOfCall } from '#test/support/agent/raw-session.js';
import { call } from '#test/support/agent/running-agent.js';
import { aliceToken, identitiesYaml, oscarToken } from '#test/support/agent/running-front.js';
import {
  controllerSubject,
  createTestAuthority,
  type IssuedPair,
  type TestAuthority,
} from '#test/support/agent/test-authority.js';
import { waitFor } from '#test/support/wait-for.js';
import { letsIn } from '#test/support/lets-in.js';
import { createAudit } from '../access/audit.js';
import { acceptControllers } from '../access/controller-certificates.js';
import { createPermissions } from '../access/permissions.js';
import { createRoleAuthorizer } from '../access/role-authorizer.js';
import { createChanges, type Changes } from '#common/changes.js';
import { readAgentConfig } from '../config/config.js';
import type { NodeGate } from '../gate/node-gate.js';
import { createCallerReader } from '../services/caller.js';
import { WaitingLook } from '../watches/waiting-look.js';
import { WatchSeats } from '../watches/watch-seats.js';
import { createGateService } from '../services/gate-service.js';
import { openServices } from '../services/services.js';
import type { CertificateSource, TlsMaterial } from '../tls/certificate-source.js';
import type { Front } from './front.js';
import { createCallRates } from './turns/call-rates.js';
import { createContainment } from './stream/contain.js';
import { createHealthCalls } from './calls/health-calls.js';
import { openGateFront } from './gate-front.js';
import { createFileIdentity } from '../access/identity-file.js';
import { createUpstream } from './upstream/upstream.js';
import { createVerifiedCalls } from './calls/verified-calls.js';

const log = createSilentLog();
const clock = createSystemClock();
const closing: (() => unknown)[] = [];
let dir: string;
let authority: TestAuthority;
let material: TlsMaterial;
let changes: Changes;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-gate-'));
  authority = await createTestAuthority('panelet');
  const server = await authority.issue({ subject: [{ CN: ['agent'] }], hosts: ['localhost'] });
  material = { ...server, clientCa: authority.pem };
  changes = createChanges();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(dir, { recursive: true, force: true });
});

const source = (): CertificateSource => ({
  ...{ changes, acceptsClientCertificates: true, current: () => material },
  ...{ unready: () => [], reload: () => Promise.resolve(), close: () => undefined },
});

/** The port as an agent opens it, with the agent's own services behind it and a gate of node "n1". */
async function open(tls?: CertificateSource): Promise<Front> {
  const [configFile, identityFile, socketPath] = ['agent.yaml', 'identities.yaml', 'agent.sock'].map((name) =>
    join(dir, name),
  ) as [string, string, string];
  const base = `{ node: n1, listen: '127.0.0.1:0', gate: { listen: '127.0.0.1:0' }, runDir: ${dir}, stateDir: ${dir}, identity: { file: /i } }`;
  writeFileSync(configFile, base);
  writeFileSync(identityFile, identitiesYaml);
  const calls = createVerifiedCalls(createSystemRandom());
  const permissions = createPermissions({ authorizer: createRoleAuthorizer(), audit: createAudit(log) });
  const gate = { status: () => GateStatus.fromPartial({ node: 'n1' }) } as unknown as NodeGate;
  const services = await openServices({
    socketPath,
    session: {} as Parameters<typeof openServices>[0]['session'],
    agent: { reload: (call) => call.end() },
    gate: createGateService({
      ...{ gate, node: 'n1', caller: createCallerReader(calls), permissions, log },
      waiting: new WaitingLook({ clock, read: () => Promise.resolve([]) }),
      changes: createChanges(),
      watches: new WatchSeats({
        clock,
        limits: { maxWatches: 10, maxWatchesPerCaller: 10 },
        reviews: { expect: () => () => () => undefined },
      }),
    }),
  });
  const upstream = createUpstream({ socketPath, clock });
  const health = createHealth(['']);
  health.set('', true);
  const front = (await openGateFront(await readAgentConfig(configFile), {
    ...{ tls, log, clock, calls, services: upstream, node: 'n1' },
    ...{ random: createSystemRandom(), containment: createContainment() },
    rates: createCallRates({ clock, perSecond: 500 }),
    health: createHealthCalls({ health, clock, requestMs: 10_000 }).handle,
    identity: acceptControllers(await createFileIdentity(identityFile)),
    attach: () => Promise.reject(new Error('Attach must not get here.')),
  }))!;
  front.admit();
  closing.push(
    () => services.close(),
    () => upstream.close(),
    () => front.close(0),
  );
  return front;
}

interface Peer {
  readonly pair?: IssuedPair | undefined;
  readonly token?: string;
  /** In the clear. */
  readonly plain?: true;
}

const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0 };

function sslOf({ pair, plain }: Peer): ReturnType<typeof credentials.createSsl> {
  if (plain === true) return credentials.createInsecure();
  const root = Buffer.from(authority.pem);
  return pair === undefined
    ? credentials.createSsl(root)
    : credentials.createSsl(root, Buffer.from(pair.key), Buffer.from(pair.cert));
}

function metadataOf({ token }: Peer): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function keep<C extends Client>(client: C): C {
  closing.push(() => client.close());
  return client;
}

function gateOf(front: Front, peer: Peer): GateServiceClient {
  return keep(new GateServiceClient(`localhost:${front.port}`, sslOf(peer), options));
}

function askWith(client: GateServiceClient, peer: Peer = {}): Promise<StatusResponse> {
  return call<StatusRequest, StatusResponse>((...rest) => client.status(...rest), {}, metadataOf(peer));
}

/** Node that the gate names, or the code of the status. */
async function ask(front: Front, peer: Peer): Promise<string | undefined> {
  try {
    return (await askWith(gateOf(front, peer), peer)).status?.node;
  } catch (error) {
    return grpcStatus[(error as ServiceError).code];
  }
}

const controller = (by = authority): Promise<IssuedPair> => by.issue({ subject: controllerSubject, usage: 'client' });

describe('the port for controllers', () => {
  test('serves a controller, by its certificate alone', async () => {
    expect(await ask(await open(source()), { pair: await controller() })).toBe('n1');
  });

  test('takes no connection without a certificate, whatever token comes with it', async () => {
    const front = await open(source());
    expect(await letsIn(`127.0.0.1:${front.port}`)).toBe(false);
    expect(await ask(front, { token: oscarToken })).toBe('UNAVAILABLE');
    expect(await letsIn(`127.0.0.1:${front.port}`, await controller())).toBe(true);
  });

  const strangers: [string, () => Promise<IssuedPair>][] = [
    ['of another authority', async () => controller(await createTestAuthority('stranger'))],
    ['of a server, such as an agent', () => authority.issue({ subject: controllerSubject, usage: 'server' })],
    [
      'that has expired',
      () => authority.issue({ subject: controllerSubject, usage: 'client', notAfter: new Date(Date.now() - 1000) }),
    ],
  ];
  test.each(strangers)('takes no connection with a certificate %s', async (_what, issue) => {
    const front = await open(source());
    const pair = await issue();
    expect(await letsIn(`127.0.0.1:${front.port}`, pair)).toBe(false);
    expect(await ask(front, { pair, token: oscarToken })).toBe('UNAVAILABLE');
  });

  test.each(['panelet:agents', 'somebody'])('refuses a certificate of %s, also with a token', async (organization) => {
    const pair = await authority.issue({ subject: [{ O: [organization] }, { CN: ['x'] }], usage: 'client' });
    expect(await ask(await open(source()), { pair, token: oscarToken })).toBe('UNAUTHENTICATED');
  });

  test('has the gate and health only: nothing for clients', async () => {
    const front = await open(source());
    const peer = { pair: await controller() };
    const address = `localhost:${front.port}`;
    const session = keep(new SessionServiceClient(address, sslOf(peer), options));
    const listed = call<ListPanelsRequest, ListPanelsResponse>((...rest) => session.listPanels(...rest), {});
    await expect(listed).rejects.toMatchObject({ code: grpcStatus.UNIMPLEMENTED });
    const raw = createRawClient(address, { credentials: sslOf(peer), token: aliceToken });
    closing.push(() => raw.close());
    const attached = raw.open();
    attached.resume();
    const ended = statusOfCall(attached);
    attached.write(helloBytes('echo'));
    expect((await ended).code).toBe(grpcStatus.UNIMPLEMENTED);
    const health = keep(new HealthClient(address, sslOf(peer), options));
    await call((...rest) => health.check(...rest), { service: '' });
  });

  test('sends its peers away when other authorities are trusted, and then knows those of today only', async () => {
    const front = await open(source());
    const former = gateOf(front, { pair: await controller() });
    await askWith(former);
    expect(front.connections()).toBe(1);
    const next = await createTestAuthority('next');
    material = { ...material, clientCa: next.pem };
    changes.notify();
    await waitFor('the connection is given up', () => front.connections() === 0);
    await expect(askWith(former)).rejects.toMatchObject({ code: grpcStatus.UNAVAILABLE });
    expect(await ask(front, { pair: await controller(next) })).toBe('n1');
  });

  test('takes nobody while no authority is trusted', async () => {
    material = { ...material, clientCa: undefined };
    const front = await open(source());
    expect(await letsIn(`127.0.0.1:${front.port}`)).toBe(false);
    expect(await ask(front, { pair: await controller() })).toBe('UNAVAILABLE');
    const never = await open({ ...source(), acceptsClientCertificates: false });
    expect(await letsIn(`127.0.0.1:${never.port}`)).toBe(false);
  });

  test('has room for 64 connections, eight of them strangers’, and a controller gets in when they are taken', async () => {
    const front = await open(source());
    const sockets = Array.from({ length: 65 }, () => connectSocket(front.port, '127.0.0.1'));
    for (const socket of sockets) closing.push(() => socket.destroy());
    const ended = new Promise((resolve) => {
      for (const socket of sockets) socket.on('error', () => undefined).once('close', () => resolve('one'));
    });
    for (const socket of sockets) socket.resume();
    expect(await ended).toBe('one');
    expect(await ask(front, { pair: await controller() })).toBe('n1');
    expect(front.connections()).toBeLessThanOrEqual(9);
  });
});

describe('the port for controllers in the clear', () => {
  test('knows callers as the port for clients does', async () => {
    const front = await open();
    expect(await ask(front, { plain: true, token: oscarToken })).toBe('n1');
    expect(await ask(front, { plain: true, token: aliceToken })).toBe('PERMISSION_DENIED');
    expect(await ask(front, { plain: true })).toBe('UNAUTHENTICATED');
  });
});
