import { readFileSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { credentials, Metadata, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { GateServiceClient, type StatusRequest, type StatusResponse } from '#proto/gate/v1/gate.js';
import { SessionServiceClient, type ListPanelsRequest, type ListPanelsResponse } from '#proto/session/v1/session.js';
import { startFakeApi, type FakeApi } from '#test/support/agent/fake-api.js';
import { createRawClient, helloBytes, statusOfCall } from '#test/support/agent/raw-session.js';
import {
  builtPrograms,
  call,
  createAgentHome,
  untilText,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { letsIn } from '#test/support/lets-in.js';
import { controllerSubject, createTestAuthority, type TestAuthority } from '#test/support/agent/test-authority.js';

const node = 'node-a';
let api: FakeApi;
let authority: TestAuthority;
let home: AgentHome;
const cleanups: (() => void)[] = [];

beforeEach(async () => {
  api = await startFakeApi();
  authority = await createTestAuthority('panelet');
  api.setConfigMap('panelet-ca', { 'ca.crt': authority.pem });
  home = createAgentHome(builtPrograms, { panels: [{ name: 'echo' }] });
  home.configure({
    identity: { kubernetes: { audience: 'panelet.dev' } },
    tls: { kubernetes: {} },
    gate: { listen: '0.0.0.0:7445' },
    health: { listen: `${home.host}:7080` },
    metrics: { listen: `${home.host}:7444` },
  });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  home.remove();
  await api.close();
});

const podEnv = (): NodeJS.ProcessEnv => ({ ...api.env(), PANELET_POD_UID: 'pod-1', PANELET_POD_IP: home.host });

function signAll(): void {
  api.onRequest = (kept) => {
    const sign = async (): Promise<void> => {
      const certificate = await authority.sign(Buffer.from(kept.spec.request, 'base64').toString('utf8'));
      kept.status = { certificate: Buffer.from(certificate).toString('base64') };
    };
    void sign();
  };
}

async function startServing(): Promise<AgentProcess> {
  signAll();
  const agent = await home.start(podEnv());
  await untilText(agent, 'Agent serves');
  return agent;
}

async function probe(path: string): Promise<[number, string]> {
  const response = await fetch(`http://${home.host}:7080${path}`);
  return [response.status, await response.text()];
}

const trust = { 'grpc.ssl_target_name_override': 'panelet-agent', 'grpc.use_local_subchannel_pool': 1 };

function withToken(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function listPanels(token: string): Promise<ListPanelsResponse> {
  const client = new SessionServiceClient(home.address, credentials.createSsl(Buffer.from(authority.pem)), trust);
  cleanups.push(() => client.close());
  return call<ListPanelsRequest, ListPanelsResponse>((...rest) => client.listPanels(...rest), {}, withToken(token));
}

interface GateCall {
  readonly token?: string;
  readonly key?: string;
  readonly cert?: string;
  /** @default that for clients */
  readonly address?: string;
}

function gateStatus(options: GateCall): Promise<StatusResponse> {
  const own = [options.key, options.cert].map((pem) => (pem === undefined ? null : Buffer.from(pem)));
  const ssl = credentials.createSsl(Buffer.from(authority.pem), own[0], own[1]);
  const names = { ...trust, 'grpc.ssl_target_name_override': `${node}.node.panelet.dev` };
  const client = new GateServiceClient(options.address ?? home.address, ssl, names);
  cleanups.push(() => client.close());
  const metadata = options.token === undefined ? new Metadata() : withToken(options.token);
  return call<StatusRequest, StatusResponse>((...rest) => client.status(...rest), {}, metadata);
}

function readMetrics(token: string): Promise<[number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const options = { host: home.host, port: 7444, path: '/metrics', ca: authority.pem, servername: 'panelet-agent' };
    const headers = { authorization: `Bearer ${token}` };
    const asked = request({ ...options, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve([response.statusCode, text]));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const codeOf = (call: Promise<unknown>): Promise<number> =>
  call.then(
    () => grpcStatus.OK,
    (error: unknown) => (error as ServiceError).code,
  );

describe('an agent in a cluster', () => {
  test('lives but is not ready, and listens nowhere else, until it has a certificate', async () => {
    const starting = home.start(podEnv());
    await waitFor('a certificate request', () => api.requests.size === 1);
    expect(await probe('/livez')).toEqual([200, 'ok\n']);
    expect((await probe('/readyz'))[0]).toBe(503);
    await expect(fetch(`http://${home.address}/`)).rejects.toThrow();
    await expect(readMetrics('t')).rejects.toThrow();
    const [kept] = api.requests.values();
    const certificate = await authority.sign(Buffer.from(kept!.spec.request, 'base64').toString('utf8'));
    kept!.status = { certificate: Buffer.from(certificate).toString('base64') };
    const agent = await starting;
    await waitFor('ready', async () => (await probe('/readyz'))[0] === 200);
    expect(statSync(join(home.dir, 'state', 'identity', 'node.pem')).mode & 0o777).toBe(0o600);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
  });

  test('ends at once when it is told to while it waits for a certificate', async () => {
    const starting = home.start(podEnv());
    await waitFor('a certificate request', () => api.requests.size === 1);
    expect(home.children().at(-1)?.kill('SIGTERM')).toBe(true);
    expect(await (await starting).exited).toBe(0);
  });

  test('lets in whom the cluster lets in, for what it allows, and writes that down', async () => {
    api.users.set('alice-token', { username: 'system:serviceaccount:a:alice smith', audiences: ['panelet.dev'] });
    api.users.set('other-audience', { username: 'bob' });
    api.permissions.push({ user: 'system:serviceaccount:a:alice smith', verb: 'list', on: 'panels' });
    const agent = await startServing();
    expect((await listPanels('alice-token')).panels.map(({ name }) => name)).toEqual(['echo']);
    expect(await codeOf(listPanels('other-audience'))).toBe(grpcStatus.UNAUTHENTICATED);
    expect(await codeOf(gateStatus({ token: 'alice-token' }))).toBe(grpcStatus.PERMISSION_DENIED);
    const audit = agent
      .log()
      .split('\n')
      .filter((line) => line.includes('"audit":true'));
    expect(audit.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ verb: 'list', resource: 'panels', allowed: true, method: 'ListPanels' }),
      expect.objectContaining({ allowed: false, reason: 'refused', remoteAddress: expect.any(String) as unknown }),
      expect.objectContaining({ verb: 'get', resource: 'gates', name: node, allowed: false, method: 'Status' }),
    ]);
    expect(agent.log()).not.toContain('alice-token');
  });

  test('asks for a permission more to resume a session than to open one, and about each panel that is there', async () => {
    api.users.set('alice-token', { username: 'alice', audiences: ['panelet.dev'] });
    api.permissions.push({ user: 'alice', verb: 'create', on: 'panels', name: 'echo' });
    home.configure({ panels: [{ name: 'echo' }, { name: 'shell' }] });
    await startServing();
    const ssl = credentials.createSsl(Buffer.from(authority.pem));
    const client = createRawClient(home.address, { token: 'alice-token', credentials: ssl, channel: trust });
    cleanups.push(() => client.close());
    const opened = client.open();
    opened.on('error', () => undefined);
    const answer = new Promise((resolve) => opened.once('data', resolve));
    opened.write(helloBytes('echo'));
    await answer;
    opened.cancel();
    const tries = [
      [helloBytes('echo', {}, 'resume'), grpcStatus.PERMISSION_DENIED],
      [helloBytes('shell'), grpcStatus.PERMISSION_DENIED],
      [helloBytes('nowhere'), grpcStatus.NOT_FOUND],
    ] as const;
    for (const [hello, code] of tries) {
      const stream = client.open();
      const ended = statusOfCall(stream);
      stream.resume();
      stream.write(hello);
      expect((await ended).code).toBe(code);
    }
    expect(api.seen.some(({ body }) => JSON.stringify(body ?? {}).includes('nowhere'))).toBe(false);
  });

  test('takes a controller’s certificate as identity', async () => {
    await startServing();
    const controller = await authority.issue({ subject: controllerSubject, usage: 'client' });
    expect((await gateStatus(controller)).status?.node).toBe(node);
    const stranger = await (await createTestAuthority('x')).issue({ subject: controllerSubject, usage: 'client' });
    expect(await codeOf(gateStatus(stranger))).toBe(grpcStatus.UNAUTHENTICATED);
  });

  test('serves controllers at a port of their own, on the pod’s address only, and nobody else there', async () => {
    api.users.set('operator-token', { username: 'olga', audiences: ['panelet.dev'] });
    api.permissions.push({ user: 'olga', verb: 'get', on: 'gates', name: node });
    await startServing();
    const operator = { token: 'operator-token' };
    expect((await gateStatus(operator)).status?.node).toBe(node);
    const controller = await authority.issue({ subject: controllerSubject, usage: 'client' });
    const address = `${home.host}:7445`;
    expect((await gateStatus({ ...controller, address })).status?.node).toBe(node);
    expect(await codeOf(gateStatus({ ...operator, address }))).toBe(grpcStatus.UNAVAILABLE);
    expect(await letsIn(address)).toBe(false);
    // Where a port-forward arrives.
    expect(await letsIn('127.0.0.1:7445', controller)).toBe(false);
  });

  test('says UNAVAILABLE while the API server is away, except to those it has decided about', async () => {
    api.users.set('alice-token', { username: 'alice', audiences: ['panelet.dev'] });
    api.permissions.push({ user: 'alice', verb: 'list', on: 'panels' });
    await startServing();
    await listPanels('alice-token');
    api.brokenWith = 503;
    expect((await listPanels('alice-token')).panels).toHaveLength(1);
    const error = (await listPanels('bob-token').catch((thrown: unknown) => thrown)) as ServiceError;
    expect(error.code).toBe(grpcStatus.UNAVAILABLE);
    expect(error.metadata.get('panelet-retry-after-ms')).toEqual(['1000']);
  });

  test('serves again at once after a restart while nobody signs or answers', async () => {
    const first = await startServing();
    first.child.kill('SIGTERM');
    await first.exited;
    const before = readFileSync(join(home.dir, 'state', 'identity', 'node.pem'), 'utf8');
    api.brokenWith = 503;
    const second = await home.start(podEnv());
    await untilText(second, 'Agent serves');
    expect(readFileSync(join(home.dir, 'state', 'identity', 'node.pem'), 'utf8')).toBe(before);
  });

  test('gives its metrics to who may read them', async () => {
    api.users.set('scraper', { username: 'prometheus' });
    api.users.set('other', { username: 'other' });
    api.permissions.push({ user: 'prometheus', verb: 'get', on: '/metrics' });
    await startServing();
    await waitFor('up', async () => (await readMetrics('scraper'))[1].includes('panelet_worker_up{panel="echo"} 1'));
    const [code, text] = await readMetrics('scraper');
    expect(code).toBe(200);
    for (const line of ['panelet_gate_state{target="agent",state="SERVING"} 1', 'panelet_sessions{panel="echo"} 0']) {
      expect(text).toContain(line);
    }
    expect(Number(/^panelet_certificate_expiry_seconds (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(80_000);
    expect((await readMetrics('other'))[0]).toBe(403);
    expect((await readMetrics('nobody'))[0]).toBe(401);
  });

  test('says what is missing when it is in no cluster', async () => {
    const agent = await home.start({ KUBERNETES_SERVICE_HOST: '' });
    expect(await agent.exited).toBe(2);
    expect(agent.log()).toContain('identity.kubernetes');
  });
});
