import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createTokenReviewIdentity } from '#agent/access/token-review-identity.js';
import type { CallerConnection } from '#agent/access/identity.js';
import { createApiClient } from '#kube/plain/api-client.js';
import { createReviews } from '#agent/kube/reviews.js';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { startFakeApi, type FakeApi } from '#test/support/agent/fake-api.js';
import {
  builtPrograms,
  createAgentHome,
  untilText,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { createTestAuthority, type TestAuthority } from '#test/support/agent/test-authority.js';

const connections = 30;
const tokensEach = 10;
/** TokenReviews that an agent has under way. */
const underWay = 16;

let api: FakeApi;
/** TokenReviews that wait for their answer, and tokens that were answered about. */
let held: (() => void)[];
let answered: string[];
beforeEach(async () => {
  api = await startFakeApi();
  api.users.set('good-token', { username: 'alice', audiences: ['panelet.dev'] });
  api.permissions.push({ user: 'alice', verb: 'list', on: 'panels' });
  held = [];
  answered = [];
  api.beforeTokenReview = (token) =>
    new Promise((resolve) => {
      held.push(() => {
        answered.push(token);
        resolve();
      });
    });
});
afterEach(() => api.close());

/** Answers one TokenReview after the other until the good token was answered about. */
async function answerUntilGood(): Promise<void> {
  while (!answered.includes('good-token')) {
    await waitFor('a question', () => held.length > 0);
    held.shift()?.();
  }
}

function answerAll(): void {
  api.beforeTokenReview = () => Promise.resolve();
  for (const answer of held.splice(0)) answer();
}

test('a newcomer of the same address gets in after one wrong token of each other connection, not after all of them', async () => {
  const clock = createSystemClock();
  const client = createApiClient({ access: api.access, clock });
  const identity = createTokenReviewIdentity({
    ...{ reviews: createReviews(client), audiences: ['panelet.dev'], ownIssuer: () => Promise.resolve(undefined) },
    ...{ clock, random: createSeededRandom(1), log: createSilentLog() },
  });
  const come = (token: string, id: number): Promise<unknown> => {
    const connection: CallerConnection = { id, address: '127.0.0.1', network: '127.0.0.1', accepted: () => false };
    const credentials = { authorization: `Bearer ${token}`, remoteAddress: '127.0.0.1', connection };
    return Promise.resolve(identity.authenticate(credentials));
  };
  const wrong = Array.from({ length: connections * tokensEach }, (_, n) => come(`wrong-${n}`, n % connections));
  const refused = Promise.allSettled(wrong);
  await waitFor('reviews under way', () => held.length === underWay);
  const newcomer = come('good-token', connections);
  await answerUntilGood();
  expect(await newcomer).toMatchObject({ name: 'alice' });
  expect(answered.length).toBeLessThanOrEqual(underWay + connections + 1);
  answerAll();
  for (const outcome of await refused) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'IDENTITY_MISSING' } });
  }
  client.close();
});

describe('an agent that is asked with wrong tokens', () => {
  let authority: TestAuthority;
  let home: AgentHome;
  const sessions: ClientHttp2Session[] = [];
  beforeEach(async () => {
    authority = await createTestAuthority('panelet');
    api.setConfigMap('panelet-ca', { 'ca.crt': authority.pem });
    home = createAgentHome(builtPrograms, { panels: [{ name: 'echo' }] });
    home.configure({ identity: { kubernetes: { audience: 'panelet.dev' } }, tls: { kubernetes: {} } });
  });
  afterEach(() => {
    for (const session of sessions.splice(0)) session.destroy();
    home.remove();
  });

  async function start(): Promise<AgentProcess> {
    api.onRequest = (kept) => {
      const sign = async (): Promise<void> => {
        const certificate = await authority.sign(Buffer.from(kept.spec.request, 'base64').toString('utf8'));
        kept.status = { certificate: Buffer.from(certificate).toString('base64') };
      };
      void sign();
    };
    const agent = await home.start({ ...api.env(), PANELET_POD_UID: 'pod-1', PANELET_POD_IP: home.host });
    await untilText(agent, 'Agent serves');
    return agent;
  }

  /** Connects from an address of this machine. */
  function connectFrom(localAddress: string): ClientHttp2Session {
    const tls = { host: home.host, port: home.port, ca: authority.pem, servername: 'panelet-agent', localAddress };
    const session = connect(`https://${home.address}`, {
      createConnection: () => connectTls({ ...tls, ALPNProtocols: ['h2'] }),
    });
    session.on('error', () => undefined);
    sessions.push(session);
    return session;
  }

  /** Status of a call without content. */
  function statusOf(session: ClientHttp2Session, path: string, token?: string): Promise<string> {
    const stream = session.request({
      ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    });
    stream.on('error', () => undefined);
    stream.end(Buffer.alloc(5));
    stream.resume();
    return new Promise((resolve) => {
      const look = (headers: IncomingHttpHeaders): void => {
        const status = headers['grpc-status'];
        if (status !== undefined) resolve(String(status));
      };
      stream.on('response', look).on('trailers', look);
    });
  }

  test('lets a newcomer of another address in after a few of them, and writes a few of them down', async () => {
    const agent = await start();
    const list = '/panelet.session.v1.SessionService/ListPanels';
    const flood = Array.from({ length: connections }, () => connectFrom('127.0.0.2'));
    const refused = flood.flatMap((session, connection) =>
      // One more, and the agent would end the connection.
      Array.from({ length: 4 }, (_, n) => statusOf(session, list, `wrong-${connection}-${n}`)),
    );
    await waitFor('reviews under way', () => held.length === underWay);
    const newcomer = connectFrom('127.0.0.3');
    const good = statusOf(newcomer, list, 'good-token');
    // Calls of one connection are taken up in order: what was asked before this has its place in the queue.
    expect(await statusOf(newcomer, '/grpc.health.v1.Health/Check')).toBe('0');
    await answerUntilGood();
    expect(await good).toBe('0');
    expect(answered.length).toBeLessThanOrEqual(underWay + 3);
    answerAll();
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['16']));
    const audit = agent
      .log()
      .split('\n')
      .filter((line) => line.includes('"audit":true') && line.includes('"allowed":false'));
    expect(audit.length).toBeGreaterThan(0);
    expect(audit.length).toBeLessThan(connections);
    expect(audit.join()).not.toContain('wrong-');
  });
});
