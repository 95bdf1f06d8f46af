import type { ServerResponse } from 'node:http';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { json, startHttpKube, type HttpKube, type SeenRequest } from '#test/support/controller/http-kube.js';

import { pods } from './api.js';
import type { Pod } from './objects.js';
import { createReflector } from './reflector.js';
import { createStore, type Store } from './store.js';

let kube: HttpKube;
let store: Store<Pod>;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  kube = await startHttpKube();
  store = createStore<Pod>();
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await running;
  await kube.close();
});

function start(rest: { readonly optional?: boolean } = {}): Promise<void> {
  const reflector = createReflector({
    api: kube.api,
    resource: pods,
    store,
    ...rest,
    clock: createSystemClock({ keepsAlive: true }),
    random: createSeededRandom(1),
    log: createSilentLog(),
  });
  running = reflector.run(stop.signal);
  return reflector.synced;
}

function pod(name: string, version: number): Pod {
  return { metadata: { namespace: 'n', name, uid: name, resourceVersion: String(version) } };
}

function event(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

const isWatch = ({ url }: SeenRequest): boolean => url.searchParams.get('watch') === 'true';
const names = (): string[] => store.list().map(({ metadata }) => metadata.name);

/** Resolves as soon as the store is as wanted. */
function until(wanted: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (wanted()) {
      resolve();
      return;
    }
    store.onChange(() => {
      if (wanted()) resolve();
    });
  });
}

/** Answers lists with `list` and each watch in turn with one of `watches`; the last one stays open. */
function serve(
  list: (request: SeenRequest, response: ServerResponse) => void,
  watches: ((response: ServerResponse) => void)[],
): void {
  kube.handler = (request, response) => {
    if (!isWatch(request)) {
      list(request, response);
      return;
    }
    const next = watches.shift();
    if (next === undefined) response.writeHead(200).flushHeaders();
    else next(response);
  };
}

const emptyList = (_request: SeenRequest, response: ServerResponse): void =>
  json(response, 200, { metadata: { resourceVersion: '10' }, items: [] });

describe('reflector', () => {
  test('takes a kind that the cluster lacks for an empty one, if it may be lacking', async () => {
    kube.handler = (_request, response) => json(response, 404, { kind: 'Status', reason: 'NotFound' });
    store.observe(pod('old', 1));
    await start({ optional: true });
    expect(names()).toEqual([]);
  });

  test('lists page by page before it says that it is synced', async () => {
    serve((request, response) => {
      const page = request.url.searchParams.get('continue');
      if (page === null)
        json(response, 200, { metadata: { resourceVersion: '9', continue: 'more' }, items: [pod('a', 1)] });
      else json(response, 200, { metadata: { resourceVersion: '10' }, items: [pod('b', 2)] });
    }, []);
    await start();
    expect(names()).toEqual(['a', 'b']);
    expect(kube.seen[0]?.url.searchParams.get('limit')).toBe('500');
  });

  test('follows changes and goes on from the last version, bookmarks included, when the server ends the watch', async () => {
    const froms: (string | null)[] = [];
    serve(emptyList, [
      (response) =>
        response.end(event('ADDED', pod('a', 11)) + event('BOOKMARK', { metadata: { resourceVersion: '20' } })),
      (response) =>
        response.write(event('MODIFIED', pod('a', 21)) + event('ADDED', pod('b', 22)) + event('DELETED', pod('a', 23))),
    ]);
    await start();
    await until(() => names().join() === 'b');
    for (const request of kube.seen.filter(isWatch)) froms.push(request.url.searchParams.get('resourceVersion'));
    expect(froms).toEqual(['10', '20']);
  });

  test.each([
    ['an HTTP 410', (response: ServerResponse) => json(response, 410, { code: 410 })],
    [
      'an ERROR event of code 410',
      (response: ServerResponse) => response.end(event('ERROR', { kind: 'Status', code: 410 })),
    ],
  ])('lists again after %s', async (_what, expired) => {
    let lists = 0;
    serve(
      (_request, response) => {
        lists += 1;
        const items = lists === 1 ? [pod('old', 1)] : [pod('new', 2)];
        json(response, 200, { metadata: { resourceVersion: String(lists * 10) }, items });
      },
      [(response) => expired(response)],
    );
    await start();
    await until(() => names().join() === 'new');
    expect(lists).toBe(2);
  });

  test.each([
    ['an error status', (response: ServerResponse) => json(response, 500, {})],
    [
      'an ERROR event of another code',
      (response: ServerResponse) => response.end(event('ERROR', { kind: 'Status', code: 403 })),
    ],
    ['a connection that breaks', (response: ServerResponse) => response.destroy()],
  ])('goes on from where it was after %s', async (_what, fail) => {
    serve(emptyList, [(response) => fail(response), (response) => response.write(event('ADDED', pod('a', 11)))]);
    await start();
    await until(() => names().join() === 'a');
    expect(kube.seen.filter((request) => !isWatch(request))).toHaveLength(1);
    const froms = kube.seen.filter(isWatch).map(({ url }) => url.searchParams.get('resourceVersion'));
    expect(froms).toEqual(['10', '10']);
  });

  test('tries a list again until it succeeds', async () => {
    let lists = 0;
    serve((request, response) => {
      lists += 1;
      if (lists < 3) json(response, 503, {});
      else emptyList(request, response);
    }, []);
    await start();
    expect(lists).toBe(3);
  });

  test('does not hammer a server that ends every watch at once', async () => {
    serve(
      emptyList,
      Array.from({ length: 50 }, () => (response: ServerResponse) => response.writeHead(200).end()),
    );
    await start();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(kube.seen.filter(isWatch).length).toBeLessThan(12);
  });

  test('leaves no connection open when it stops', async () => {
    serve(emptyList, []);
    await start();
    stop.abort();
    await running;
    await kube.config.close();
    while ((await kube.connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});
