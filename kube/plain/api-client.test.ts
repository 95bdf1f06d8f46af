import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, createSystemClock, type FakeClock } from '#common/time/clock.js';
import { waitFor } from '#test/support/wait-for.js';
import { startFakeApi, type FakeApi } from '#test/support/agent/fake-api.js';
import { createApiClient, type ApiClient } from './api-client.js';
import { createReviews } from '#agent/kube/reviews.js';

let api: FakeApi;
let clock: FakeClock;
let client: ApiClient;
beforeEach(async () => {
  api = await startFakeApi();
  clock = createFakeClock();
  client = createApiClient({ access: api.access, clock });
});
afterEach(async () => {
  client.close();
  await api.close();
});

const read = (name = 'panelet-ca'): Promise<unknown> =>
  client.call({ method: 'GET', path: `/api/v1/namespaces/panelet-system/configmaps/${name}` });

describe('the client of the Kubernetes API', () => {
  test('shows its token, and the new one at once when the old one is refused', async () => {
    api.setConfigMap('panelet-ca', { 'ca.crt': 'x' });
    await read();
    api.setToken('second-token');
    await read();
    expect(api.seen.map(({ token }) => token)).toEqual(['agent-token', 'agent-token', 'second-token']);
  });

  test('reads its token again before the old one expires', async () => {
    api.setConfigMap('panelet-ca', {});
    await read();
    api.setToken('second-token', 'agent-token');
    await read();
    clock.advance(60_000);
    await expect(read()).rejects.toMatchObject({ code: 'API_REFUSED' });
    expect(api.seen.at(-1)?.token).toBe('second-token');
  });

  const refusals: [number, string][] = [
    [400, 'API_REFUSED'],
    [403, 'API_REFUSED'],
    [404, 'API_NOT_FOUND'],
    [409, 'API_CONFLICT'],
    [429, 'API_UNAVAILABLE'],
    [500, 'API_UNAVAILABLE'],
    [503, 'API_UNAVAILABLE'],
  ];
  test.each(refusals)('tells %i as %s, with the reason and without the token', async (status, code) => {
    api.brokenWith = status;
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining('broken for a test') as unknown });
    expect(JSON.stringify(error) + String(error)).not.toContain('agent-token');
  });

  test('waits no longer than its timeout', async () => {
    api.hangs = true;
    const failed = read().catch((error: unknown) => error);
    await waitFor('the request', () => api.seen.length === 1);
    clock.advance(5_000);
    expect(await failed).toMatchObject({ code: 'API_UNAVAILABLE' });
    expect(clock.pending()).toBe(0);
  });

  test('leaves nothing with the signal of a watch, however the watch ends', async () => {
    const { signal } = new AbortController();
    api.setConfigMap('panelet-ca', {});
    const path = '/api/v1/namespaces/panelet-system/configmaps/panelet-ca';
    const follow = (): Promise<void> => client.follow({ method: 'GET', path }, () => undefined, signal);
    for (let round = 0; round < 20; round++) await follow();
    api.brokenWith = 500;
    for (let round = 0; round < 20; round++) await expect(follow()).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    client.close();
    await expect(follow()).rejects.toThrow('The agent stops.');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(clock.pending()).toBe(0);
  });

  test('uses one connection for calls that follow each other, and another when the server closed it', async () => {
    api.setConfigMap('panelet-ca', {});
    for (let count = 0; count < 3; count++) await read();
    api.cut();
    await read();
    expect(api.seen).toHaveLength(4);
  });

  test('trusts nobody but the authority of its file', async () => {
    const other = await startFakeApi();
    const access = { ...other.access, caFile: api.access.caFile };
    const stranger = createApiClient({ access, clock: createSystemClock() });
    await expect(stranger.call({ method: 'GET', path: '/' })).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    expect(other.seen).toEqual([]);
    stranger.close();
    await other.close();
  });

  test('says that the API is not there when its files are missing', async () => {
    const access = { ...api.access, tokenFile: '/nonexistent/token' };
    const lost = createApiClient({ access, clock });
    await expect(lost.call({ method: 'GET', path: '/' })).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    lost.close();
  });
});

describe('reviews', () => {
  test('know a token of the audience, and no other', async () => {
    api.users.set('t1', { username: 'alice', groups: ['staff'], audiences: ['panelet.dev'] });
    api.users.set('t2', { username: 'bob' });
    const reviews = createReviews(client);
    expect(await reviews.whoIs('t1', ['panelet.dev'])).toMatchObject({ name: 'alice', groups: ['staff'] });
    expect(await reviews.whoIs('t2', ['panelet.dev'])).toBeUndefined();
    expect(await reviews.whoIs('t2', [])).toMatchObject({ name: 'bob' });
    expect(await reviews.whoIs('t3', ['panelet.dev'])).toBeUndefined();
  });

  test('do not know a token from an API server that knows no audiences', async () => {
    const status = { authenticated: true, user: { username: 'alice' } };
    const old = createReviews({ ...client, call: () => Promise.resolve({ status }) });
    expect(await old.whoIs('t', ['panelet.dev'])).toBeUndefined();
  });

  test('say what somebody may do, in the namespace and group that were asked about', async () => {
    api.permissions.push({ user: 'alice', verb: 'create', on: 'panels', name: 'logs' });
    api.permissions.push({ user: 'alice', verb: 'get', on: '/metrics' });
    const reviews = createReviews(client);
    const alice = { name: 'alice', uid: '', groups: [], extra: {} };
    const about = { group: 'panelet.dev', namespace: 'panelet-system', verb: 'create', resource: 'panels' };
    expect(await reviews.mayThey(alice, { ...about, name: 'logs' })).toEqual({
      allowed: true,
      reason: 'RBAC: allowed',
    });
    expect((await reviews.mayThey(alice, { ...about, name: 'shell' })).allowed).toBe(false);
    expect((await reviews.mayThey(alice, { ...about, name: 'logs', namespace: 'other' })).allowed).toBe(false);
    expect((await reviews.mayThey(alice, { path: '/metrics', verb: 'get' })).allowed).toBe(true);
  });

  test('count an explicit denial and an answer that is no review as no permission', async () => {
    const alice = { name: 'alice', uid: '', groups: [], extra: {} };
    const path = { path: '/metrics', verb: 'get' };
    const answering = (content: unknown): ReturnType<typeof createReviews> =>
      createReviews({ ...client, call: () => Promise.resolve(content) });
    expect((await answering({ status: { allowed: true, denied: true } }).mayThey(alice, path)).allowed).toBe(false);
    await expect(answering({ status: {} }).mayThey(alice, path)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    await expect(answering({}).whoIs('t', [])).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
  });

  test('say that nobody can say, also when the agent itself may not ask', async () => {
    for (const status of [401, 403, 500]) {
      api.brokenWith = status;
      await expect(createReviews(client).whoIs('t', [])).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    }
  });
});
