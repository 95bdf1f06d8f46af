import { HttpMethod, IsomorphicFetchHttpLibrary, RequestContext, Watch } from '@kubernetes/client-node';

import type { Clock } from '#common/time/clock.js';

import { errorOfFailure, apiErrorOf } from '../api-status.js';
import {
  pods,
  type KubeApi,
  type ListOptions,
  type ObjectKey,
  type Resource,
  type WatchEvent,
  type WatchOptions,
} from '../api.js';
import type { KubeList, KubeObject } from '../objects.js';
import type { PooledKubeConfig } from './pooled-kube-config.js';

/** What a client is made of. */
export interface KubeClientDeps {
  readonly config: PooledKubeConfig;
  readonly clock: Clock;
  /** Longest wait for an answer, in milliseconds; watches are not limited by it. @default 15000 */
  readonly timeoutMs?: number;
}

/** Field manager of everything this controller writes. */
const fieldManager = 'panelet-controller';

interface Call {
  readonly method: HttpMethod;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  readonly contentType?: string;
}

function pathOf(resource: Resource<KubeObject>, key: Partial<ObjectKey>, subresource?: string): string {
  const { group, version, plural, namespaced } = resource;
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const inside = namespaced && key.namespace !== undefined ? `/namespaces/${encodeURIComponent(key.namespace)}` : '';
  const name = key.name === undefined ? '' : `/${encodeURIComponent(key.name)}`;
  return `${base}${inside}/${plural}${name}${subresource === undefined ? '' : `/${subresource}`}`;
}

function queryOf(options: ListOptions): Readonly<Record<string, string | number | undefined>> {
  return { ...options, namespace: undefined };
}

/**
 * The Kubernetes API over HTTP. Objects go through as plain JSON: the library's typed calls drop fields that they do
 * not know and give dates that differ between lists and watches.
 */
export function createKubeClient({ config, clock, timeoutMs = 15_000 }: KubeClientDeps): KubeApi {
  const http = new IsomorphicFetchHttpLibrary();

  const send = async ({ method, path, query = {}, body, contentType }: Call): Promise<unknown> => {
    const what = `${method.toLowerCase()} ${path}`;
    const abort = new AbortController();
    const timer = clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      const url = new URL((config.getCurrentCluster()?.server ?? '').replace(/\/$/, '') + path);
      for (const [key, value] of Object.entries(query)) {
        if (value !== undefined) url.searchParams.set(key, String(value));
      }
      const context = new RequestContext(url.toString(), method);
      context.setHeaderParam('Accept', 'application/json');
      context.setHeaderParam('User-Agent', fieldManager);
      if (body !== undefined) {
        context.setHeaderParam('Content-Type', contentType ?? 'application/json');
        context.setBody(JSON.stringify(body));
      }
      await config.applySecurityAuthentication(context);
      context.setSignal(abort.signal);
      const response = await http.send(context).toPromise();
      const text = await response.body.text();
      const { httpStatusCode: code } = response;
      if (code < 200 || code > 299) throw apiErrorOf(what, code, text);
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw errorOfFailure(what, error);
    } finally {
      timer.stop();
    }
  };

  const patch = async <T extends KubeObject>(resource: Resource<T>, path: string, body: object): Promise<T> =>
    (await send({
      method: HttpMethod.PATCH,
      path,
      query: { fieldManager },
      body,
      contentType: 'application/merge-patch+json',
    })) as T;

  const watch = <T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const { namespace, resourceVersion, fieldSelector, signal } = options;
      const query = {
        allowWatchBookmarks: true,
        resourceVersion,
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
      };
      const path = pathOf(resource, namespace === undefined ? {} : { namespace });
      if (signal.aborted) {
        resolve();
        return;
      }
      const stopped = { controller: undefined as AbortController | undefined };
      const stop = (): void => {
        stopped.controller?.abort();
        resolve();
      };
      signal.addEventListener('abort', stop, { once: true });
      const done = (error: unknown): void => {
        signal.removeEventListener('abort', stop);
        // 30 s without a byte: the library's own limit, no failure of the server.
        const idle = error instanceof DOMException && error.name === 'TimeoutError';
        if (signal.aborted || idle || error === null || error === undefined) {
          resolve();
          return;
        }
        reject(watchError(path, error));
      };
      const onLine = (type: string, object: unknown): void => {
        if (!signal.aborted) onEvent({ type, object } as WatchEvent<T>);
      };
      new Watch(config).watch(path, query, onLine, done).then((controller: AbortController) => {
        stopped.controller = controller;
        if (signal.aborted) controller.abort();
      }, done);
    });

  return {
    get: async <T extends KubeObject>(resource: Resource<T>, key: ObjectKey) =>
      (await send({ method: HttpMethod.GET, path: pathOf(resource, key) })) as T,
    list: async <T extends KubeObject>(resource: Resource<T>, options: ListOptions) => {
      const where = options.namespace === undefined ? {} : { namespace: options.namespace };
      return (await send({
        method: HttpMethod.GET,
        path: pathOf(resource, where),
        query: queryOf(options),
      })) as KubeList<T>;
    },
    create: async (resource, object) => {
      const { namespace } = object.metadata;
      const path = pathOf(resource, namespace === undefined ? {} : { namespace });
      const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
      const body = { ...object, apiVersion, kind: resource.kind };
      return (await send({ method: HttpMethod.POST, path, query: { fieldManager }, body })) as typeof object;
    },
    patch: (resource, key, body) => patch(resource, pathOf(resource, key), body),
    patchStatus: (resource, key, body) => patch(resource, pathOf(resource, key, 'status'), body),
    patchApproval: (resource, key, body) => patch(resource, pathOf(resource, key, 'approval'), body),
    delete: async <T extends KubeObject>(
      resource: Resource<T>,
      key: ObjectKey,
      preconditions: object,
    ): Promise<T | undefined> => {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
      const answer = (await send({ method: HttpMethod.DELETE, path: pathOf(resource, key), body })) as KubeObject;
      return answer.kind === 'Status' ? undefined : (answer as T);
    },
    evict: async (key, preconditions) => {
      const { namespace = '', name } = key;
      const deleteOptions = { preconditions };
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name }, deleteOptions };
      await send({ method: HttpMethod.POST, path: pathOf(pods, key, 'eviction'), query: { fieldManager }, body });
    },
    watch,
  };
}

function watchError(path: string, error: unknown): Error {
  const { statusCode } = error as { statusCode?: unknown };
  if (typeof statusCode === 'number') return apiErrorOf(`watch ${path}`, statusCode, String(error));
  return errorOfFailure(`watch ${path}`, error);
}
