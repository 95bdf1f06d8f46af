import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { PaneletError } from '#common/errors/errors.js';
import { isPaneletError } from '#common/errors/errors.js';
import { json, startHttpKube, type HttpKube } from '#test/support/controller/http-kube.js';

import { apiStatusOf } from '../api-status.js';
import { events, leases, nodes, pods, type WatchEvent } from '../api.js';
import type { Pod } from '../objects.js';

let kube: HttpKube;

beforeEach(async () => {
  kube = await startHttpKube(500);
});

afterEach(async () => {
  await kube.close();
});

const key = { namespace: 'ns', name: 'a' };

async function failureOf(call: Promise<unknown>): Promise<PaneletError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isPaneletError(error)) return error;
  throw new Error('the call did not fail with a PaneletError');
}

describe('kube client', () => {
  test('patches with a merge patch, a field manager and its token', async () => {
    kube.handler = (_request, response) => json(response, 200, { metadata: { name: 'a' }, future: { field: 1 } });
    const answer = await kube.api.patchStatus(pods, key, { status: { gone: null } });
    const [request] = kube.seen;
    expect(request?.method).toBe('PATCH');
    expect(request?.url.pathname).toBe('/api/v1/namespaces/ns/pods/a/status');
    expect(request?.url.searchParams.get('fieldManager')).toBe('panelet-controller');
    expect(request?.headers).toMatchObject({
      'content-type': 'application/merge-patch+json',
      authorization: 'Bearer secret',
    });
    expect(request?.body).toBe('{"status":{"gone":null}}');
    expect(answer).toEqual({ metadata: { name: 'a' }, future: { field: 1 } });
  });

  test('lists a page of one namespace, or of a kind without namespaces', async () => {
    kube.handler = (_request, response) => json(response, 200, { metadata: {}, items: [] });
    await kube.api.list(leases, { namespace: 'ns', limit: 500, continue: 'token', resourceVersion: '0' });
    await kube.api.list(nodes, {});
    const [first, second] = kube.seen.map(({ url }) => `${url.pathname}${url.search}`);
    expect(first).toBe('/apis/coordination.k8s.io/v1/namespaces/ns/leases?limit=500&continue=token&resourceVersion=0');
    expect(second).toBe('/api/v1/nodes');
  });

  test('evicts with preconditions, and says when a budget refuses', async () => {
    const preconditions = { uid: 'u', resourceVersion: '7' };
    kube.handler = (_request, response) => json(response, 201, { kind: 'Status', status: 'Success' });
    await kube.api.evict(key, preconditions);
    expect(kube.seen[0]?.url.pathname).toBe('/api/v1/namespaces/ns/pods/a/eviction');
    expect(JSON.parse(kube.seen[0]?.body ?? '')).toEqual({
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: key,
      deleteOptions: { preconditions },
    });
    const details = { causes: [{ reason: 'DisruptionBudget', message: 'the budget needs 2 healthy pods' }] };
    kube.handler = (_request, response) => json(response, 429, { reason: 'TooManyRequests', details });
    expect((await failureOf(kube.api.evict(key, preconditions))).code).toBe('DISRUPTION_REFUSED');
    kube.handler = (_request, response) => json(response, 429, { reason: 'TooManyRequests' });
    expect((await failureOf(kube.api.evict(key, preconditions))).code).toBe('API_UNAVAILABLE');
  });

  test('creates with kind and version, whatever the object says', async () => {
    kube.handler = (request, response) => json(response, 201, JSON.parse(request.body));
    const made = await kube.api.create(events, { metadata: key } as never);
    expect(made).toMatchObject({ apiVersion: 'events.k8s.io/v1', kind: 'Event' });
    expect(kube.seen[0]?.url.pathname).toBe('/apis/events.k8s.io/v1/namespaces/ns/events');
  });

  test('deletes with preconditions and its own grace period, and returns what is still there', async () => {
    const going: Pod = { kind: 'Pod', metadata: { ...key, uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    kube.handler = (_request, response) => json(response, 200, going);
    expect(await kube.api.delete(pods, key, { uid: 'u', resourceVersion: '7' })).toEqual(going);
    expect(JSON.parse(kube.seen[0]?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'u', resourceVersion: '7' },
    });
    kube.handler = (_request, response) => json(response, 200, { kind: 'Status', status: 'Success' });
    expect(await kube.api.delete(pods, key, { uid: 'u' })).toBeUndefined();
  });

  test.each([
    [404, 'API_NOT_FOUND'],
    [409, 'API_CONFLICT'],
    [403, 'API_REFUSED'],
    [422, 'API_REFUSED'],
    [429, 'API_UNAVAILABLE'],
    [503, 'API_UNAVAILABLE'],
  ])('turns %i into %s with the words of the server', async (code, expected) => {
    const status = { kind: 'Status', code, reason: 'Why', message: 'because of this' };
    kube.handler = (_request, response) => json(response, code, status);
    const error = await failureOf(kube.api.get(pods, key));
    expect(error.code).toBe(expected);
    expect(error.message).toContain('because of this');
    expect(apiStatusOf(error)).toMatchObject({ code, reason: 'Why' });
  });

  test('says so when the answer is no JSON, when nobody answers and when the answer takes too long', async () => {
    kube.handler = (_request, response) => response.end('<html>');
    expect((await failureOf(kube.api.get(pods, key))).code).toBe('API_UNAVAILABLE');
    kube.handler = () => undefined;
    const late = await failureOf(kube.api.get(pods, key));
    expect(late.message).toContain('no answer within 500 ms');
    await kube.close();
    const refused = await failureOf(kube.api.get(pods, key));
    expect(refused.code).toBe('API_UNAVAILABLE');
    kube = await startHttpKube();
  });

  test('keeps its connections for many requests', async () => {
    kube.handler = (_request, response) => json(response, 200, { metadata: {} });
    for (let count = 0; count < 50; count++) await kube.api.get(pods, key);
    expect(await kube.connections()).toBeLessThanOrEqual(2);
  });

  test('watches until the server ends it, and ends the connection when the watcher stops', async () => {
    const got: WatchEvent<Pod>[] = [];
    kube.handler = (_request, response) => {
      response.write('{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"5"}}}\n');
      response.end('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}\n');
    };
    const never = new AbortController();
    await kube.api.watch(pods, { namespace: 'ns', resourceVersion: '4', signal: never.signal }, (event) =>
      got.push(event),
    );
    expect(got.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(kube.seen[0]?.url.search).toContain('allowWatchBookmarks=true&resourceVersion=4');
    const stop = new AbortController();
    const opened = new Promise<void>((resolve) => {
      kube.handler = (_request, response) => {
        response.write('{"type":"ADDED","object":{"metadata":{"name":"b"}}}\n');
        resolve();
      };
    });
    const watching = kube.api.watch(pods, { resourceVersion: '4', signal: stop.signal }, () => stop.abort());
    await opened;
    await watching;
  });

  test('tells a watch that has expired from one that failed', async () => {
    const { signal } = new AbortController();
    kube.handler = (_request, response) => json(response, 410, {});
    const expired = await failureOf(kube.api.watch(pods, { resourceVersion: '1', signal }, () => undefined));
    expect(apiStatusOf(expired)?.code).toBe(410);
    kube.handler = (_request, response) => json(response, 500, {});
    const failed = await failureOf(kube.api.watch(pods, { resourceVersion: '1', signal }, () => undefined));
    expect(failed.code).toBe('API_UNAVAILABLE');
  });
});
