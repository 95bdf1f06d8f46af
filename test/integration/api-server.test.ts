import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { callApi, watchApi, type ApiAnswer } from '#test/support/api-caller.js';
import { restart, webPod } from '#test/support/kube-manifests.js';
import { startRunningApi, type RunningApi } from '#test/support/running-api.js';

jest.setTimeout(30_000);

interface List {
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly { readonly metadata: { readonly name: string; readonly resourceVersion: string } }[];
}

let api: RunningApi;

beforeEach(async () => {
  api = await startRunningApi();
});

afterEach(async () => {
  await api.close();
});

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const restarts = '/apis/panelet.dev/v1alpha1/namespaces/default/panelrestarts';
const configMap = (name: string, labels = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
});
const create = (path: string, body: unknown): Promise<ApiAnswer> => callApi(api, path, { method: 'POST', body });
const list = async (path: string): Promise<List> => (await callApi(api, path)).json<List>();
const namesOf = (answer: List): string[] => answer.items.map((item) => item.metadata.name);

describe('discovery', () => {
  test('tells everything at once to those who ask so, and piece by piece to others', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const all = await callApi(api, '/apis', { headers: { accept } });
    expect(all.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    expect(all.json()).toMatchObject({ kind: 'APIGroupDiscoveryList' });
    expect((await callApi(api, '/apis')).json()).toMatchObject({ kind: 'APIGroupList' });
    expect((await callApi(api, '/apis/apps/v1')).json()).toMatchObject({
      kind: 'APIResourceList',
      groupVersion: 'apps/v1',
    });
  });

  test('answers what it does not have with a Status', async () => {
    const answer = await callApi(api, '/apis/apps/v1/namespaces/default/deployments');
    expect(answer.code).toBe(404);
    expect(answer.json()).toMatchObject({
      kind: 'Status',
      reason: 'NotFound',
      message: 'the server could not find the requested resource',
    });
    expect((await callApi(api, '/apis/apps/v1', { method: 'DELETE' })).code).toBe(404);
    expect((await callApi(api, maps, { method: 'PUT', body: {} })).json()).toMatchObject({
      code: 405,
      reason: 'MethodNotAllowed',
    });
  });

  test('publishes schemas that refer to nothing outside of their document', async () => {
    const index = (await callApi(api, '/openapi/v3')).json<{ paths: Record<string, { serverRelativeURL: string }> }>();
    for (const { serverRelativeURL } of Object.values(index.paths)) {
      const text = (await callApi(api, serverRelativeURL)).text;
      const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } };
      const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
        (match) => match[1] ?? '',
      );
      expect(references.filter((name) => !Object.hasOwn(components.schemas, name))).toEqual([]);
    }
  });
});

describe('bodies', () => {
  test('come as JSON or YAML, of a bounded size, and say what they are', async () => {
    const yaml = { 'content-type': 'application/yaml' };
    expect((await callApi(api, pods, { method: 'POST', headers: yaml, body: webPod })).code).toBe(201);
    expect(
      (await callApi(api, maps, { method: 'POST', headers: { 'content-type': 'text/html' }, body: '<p>' })).code,
    ).toBe(415);
    expect((await callApi(api, maps, { method: 'POST', body: '{' })).json()).toMatchObject({
      code: 400,
      reason: 'BadRequest',
    });
    expect((await create(maps, { ...configMap('a'), kind: 'Pod' })).json()).toMatchObject({ code: 400 });
    const large = { ...configMap('large'), data: { a: 'x'.repeat(4 * 1024 * 1024) } };
    expect((await create(maps, large)).json()).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
  });

  test('must fit the address they are sent to', async () => {
    const elsewhere = { ...configMap('a'), metadata: { name: 'a', namespace: 'kube-system' } };
    expect((await create(maps, elsewhere)).json()).toMatchObject({
      code: 400,
      message: 'the namespace of the provided object does not match the namespace sent on the request',
    });
    await create(maps, configMap('a'));
    expect((await callApi(api, `${maps}/a`, { method: 'PUT', body: configMap('b') })).json()).toMatchObject({
      code: 400,
      message: 'the name of the object (b) does not match the name on the URL (a)',
    });
  });
});

describe('lists', () => {
  test('come in pieces of one moment, whatever is written in between', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(maps, configMap(name));
    const first = await list(`${maps}?limit=2`);
    expect(first.metadata.remainingItemCount).toBe(3);
    await callApi(api, `${maps}/d`, { method: 'DELETE' });
    await create(maps, configMap('bb'));
    const second = await list(`${maps}?limit=2&continue=${first.metadata.continue ?? ''}`);
    const third = await list(`${maps}?limit=2&continue=${second.metadata.continue ?? ''}`);
    expect([first, second, third].map(namesOf)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(third.metadata.continue).toBeUndefined();
    expect(new Set([first, second, third].map((page) => page.metadata.resourceVersion)).size).toBe(1);
    const token = Buffer.from('{"v":1,"id":"of another server"}').toString('base64url');
    expect((await callApi(api, `${maps}?continue=${token}`)).json()).toMatchObject({ code: 410, reason: 'Expired' });
  });

  test('refuse a version of the future', async () => {
    expect((await callApi(api, `${maps}?resourceVersion=999999`)).json()).toMatchObject({
      code: 504,
      reason: 'Timeout',
    });
  });

  test('are deleted as one', async () => {
    for (const name of ['a', 'b']) await create(maps, configMap(name, { kind: 'old' }));
    await create(maps, configMap('c'));
    expect(
      namesOf((await callApi(api, `${maps}?labelSelector=kind%3Dold`, { method: 'DELETE' })).json<List>()),
    ).toEqual(['a', 'b']);
    expect(namesOf(await list(maps))).toEqual(['c']);
  });

  test('show only metadata to those who ask so', async () => {
    await create(maps, configMap('a'));
    const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    const answer = (await callApi(api, maps, { headers: { accept } })).json<List>();
    expect(answer).toMatchObject({
      kind: 'PartialObjectMetadataList',
      items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'a' } }],
    });
    expect((await callApi(api, maps, { headers: { accept: 'text/html' } })).json()).toMatchObject({
      code: 406,
      reason: 'NotAcceptable',
    });
  });
});

describe('watches', () => {
  test('begin with what is there and say where that ends', async () => {
    await create(maps, configMap('a'));
    const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const [added, bookmark] = await watchApi(api, `${maps}?${query}`, 2);
    expect(added).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } });
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        metadata: { resourceVersion: api.store.resourceVersion, annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    });
  });

  test('miss nothing after a list', async () => {
    const { metadata } = await list(maps);
    await create(maps, configMap('a'));
    await callApi(api, `${maps}/a`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { data: { x: '1' } },
    });
    await callApi(api, `${maps}/a`, { method: 'DELETE' });
    const lines = await watchApi(api, `${maps}?watch=1&resourceVersion=${metadata.resourceVersion}`, 3);
    expect(lines.map((line) => line.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    const versions = lines.map((line) => Number(line.object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((left, right) => left - right));
  });

  test('end when their time is over', async () => {
    expect(await watchApi(api, `${maps}?watch=1&timeoutSeconds=1`, 5)).toEqual([]);
  });

  test('of tables carry the head once', async () => {
    for (const name of ['a', 'b']) await create(maps, configMap(name));
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const lines = await watchApi(api, `${maps}?watch=1`, 2, { headers: { accept } });
    const heads = lines.map((line) => (line.object['columnDefinitions'] as unknown[] | null)?.length);
    expect(heads).toEqual([3, undefined]);
    expect(lines[1]?.object['rows']).toMatchObject([
      { cells: ['b', 0, expect.stringMatching(/^\d+s$/)], object: { kind: 'PartialObjectMetadata' } },
    ]);
  });
});

describe('deletions', () => {
  test('hold to uid and version', async () => {
    const { metadata } = (await create(pods, parseYaml(webPod))).json<{
      metadata: { uid: string; resourceVersion: string };
    }>();
    const remove = (preconditions: object): Promise<ApiAnswer> =>
      callApi(api, `${pods}/web`, { method: 'DELETE', body: { preconditions, gracePeriodSeconds: 0 } });
    expect((await remove({ uid: 'another' })).json()).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: `Operation cannot be fulfilled on Pod "web": the UID in the precondition (another) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    });
    expect((await remove({ uid: metadata.uid, resourceVersion: '1' })).json()).toMatchObject({ code: 409 });
    expect((await remove(metadata)).code).toBe(200);
    expect((await callApi(api, `${pods}/web`)).code).toBe(404);
  });

  test('wait for finalizers, which nobody may add any more', async () => {
    const body = {
      ...(parseYaml(restart) as object),
      metadata: { name: 'first', finalizers: ['panelet.dev/uncordon'] },
    };
    await create(restarts, body);
    expect((await callApi(api, `${restarts}/first`, { method: 'DELETE' })).json()).toMatchObject({
      kind: 'PanelRestart',
    });
    const merge = { 'content-type': 'application/merge-patch+json' };
    const patch = (finalizers: readonly string[]): Promise<ApiAnswer> =>
      callApi(api, `${restarts}/first`, { method: 'PATCH', headers: merge, body: { metadata: { finalizers } } });
    expect((await patch(['panelet.dev/uncordon', 'a.b/c'])).json()).toMatchObject({ code: 422, reason: 'Invalid' });
    expect((await patch([])).code).toBe(200);
    expect((await callApi(api, `${restarts}/first`)).code).toBe(404);
  });

  test('by eviction are deletions with grace', async () => {
    await create(pods, parseYaml(webPod));
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web' } };
    expect((await create(`${pods}/web/eviction`, eviction)).code).toBe(201);
    expect((await callApi(api, `${pods}/web`)).json()).toMatchObject({ metadata: { deletionGracePeriodSeconds: 30 } });
  });
});

describe('updates', () => {
  test('of restarts need the version they are based on', async () => {
    const made = (await create(restarts, parseYaml(restart))).json<{
      metadata: Record<string, unknown>;
      spec: object;
    }>();
    const put = (metadata: object): Promise<ApiAnswer> =>
      callApi(api, `${restarts}/first`, { method: 'PUT', body: { ...made, metadata } });
    expect((await put({ name: 'first' })).json()).toMatchObject({ code: 422 });
    expect((await put({ ...made.metadata, resourceVersion: '1' })).json()).toMatchObject({
      code: 409,
      reason: 'Conflict',
    });
    expect((await put(made.metadata)).code).toBe(200);
  });

  test('are in both views of an event', async () => {
    const events = '/apis/events.k8s.io/v1/namespaces/default/events';
    const event = {
      metadata: { name: 'e' },
      regarding: { kind: 'Pod', name: 'web' },
      note: 'hello',
      reason: 'R',
      type: 'Normal',
    };
    expect((await create(events, { apiVersion: 'events.k8s.io/v1', kind: 'Event', ...event })).code).toBe(201);
    expect((await callApi(api, '/api/v1/namespaces/default/events/e')).json()).toMatchObject({
      apiVersion: 'v1',
      message: 'hello',
      involvedObject: { name: 'web' },
    });
    expect(namesOf(await list(`${events}?fieldSelector=regarding.name%3Dweb`))).toEqual(['e']);
  });
});

describe('a restart', () => {
  const directory = mkdtempSync(join(tmpdir(), 'panelet-api-kept-'));

  afterAll(() => rmSync(directory, { recursive: true }));

  test('keeps objects, certificates and versions, and tells a watch of a version from long ago to begin anew', async () => {
    const first = await startRunningApi({ directory });
    await callApi(first, maps, { method: 'POST', body: configMap('kept') });
    const version = Number(first.store.resourceVersion);
    await first.close();
    await (await startRunningApi({ directory })).close();
    const third = await startRunningApi({ directory });
    expect(third.caCertificate).toBe(first.caCertificate);
    expect((await callApi(third, `${maps}/kept`)).code).toBe(200);
    const [line] = await watchApi(third, `${maps}?watch=1&resourceVersion=1`, 1);
    expect(line).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    await callApi(third, `${maps}/kept`, { method: 'DELETE' });
    expect(Number(third.store.resourceVersion)).toBeGreaterThan(version);
    await third.close();
  });
});
