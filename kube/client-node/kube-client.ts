import { HttpMethod, IsomorphicFetchHttpLibrary, RequestContext } from '@kubernetes/client-node';

import type { Clock } from '#common/time/clock.js';

import { errorOfFailure, apiErrorOf } from '../api-status.js';
import {
  pods,
  type KubeApi,
  type ListOptions,
  type ObjectKey,
  type Preconditions,
  type Resource,
  type WatchEvent,
  type WatchOptions,
} from '../api.js';
import type { KubeList, KubeObject } from '../objects.js';
import { followWatch } from './follow-watch.js';
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

/**
 * The Kubernetes API over HTTP. Objects go through as plain JSON: the library's typed calls drop fields that they do
 * not know and give dates that differ between lists and watches.
 */
export function createKubeClient(deps: KubeClientDeps): KubeApi {
  return new HttpKubeClient(deps);
}

class HttpKubeClient implements KubeApi {
  readonly #config: PooledKubeConfig;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #http = new IsomorphicFetchHttpLibrary();

  constructor({ config, clock, timeoutMs = 15_000 }: KubeClientDeps) {
    this.#config = config;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  async get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): Promise<T> {
    return (await this.#send({ method: HttpMethod.GET, path: pathOf(resource, key) })) as T;
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions): Promise<KubeList<T>> {
    const path = pathOf(resource, namespaceOf(options));
    const query = { ...options, namespace: undefined };
    return (await this.#send({ method: HttpMethod.GET, path, query })) as KubeList<T>;
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    const path = pathOf(resource, namespaceOf(object.metadata));
    const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
    const body = { ...object, apiVersion, kind: resource.kind };
    return (await this.#send({ method: HttpMethod.POST, path, query: { fieldManager }, body })) as T;
  }

  patch<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, body: object): Promise<T> {
    return this.#patch<T>(pathOf(resource, key), body);
  }

  patchStatus<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, body: object): Promise<T> {
    return this.#patch<T>(pathOf(resource, key, 'status'), body);
  }

  patchApproval<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, body: object): Promise<T> {
    return this.#patch<T>(pathOf(resource, key, 'approval'), body);
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    preconditions: Preconditions,
  ): Promise<T | undefined> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
    const answer = (await this.#send({ method: HttpMethod.DELETE, path: pathOf(resource, key), body })) as KubeObject;
    return answer.kind === 'Status' ? undefined : (answer as T);
  }

  async evict(key: ObjectKey, preconditions: Preconditions): Promise<void> {
    const { namespace = '', name } = key;
    const deleteOptions = { preconditions };
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name }, deleteOptions };
    await this.#send({ method: HttpMethod.POST, path: pathOf(pods, key, 'eviction'), query: { fieldManager }, body });
  }

  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> {
    return followWatch(this.#config, pathOf(resource, namespaceOf(options)), options, (type, object) =>
      onEvent({ type, object } as WatchEvent<T>),
    );
  }

  async #patch<T extends KubeObject>(path: string, body: object): Promise<T> {
    const contentType = 'application/merge-patch+json';
    return (await this.#send({ method: HttpMethod.PATCH, path, query: { fieldManager }, body, contentType })) as T;
  }

  async #send(call: Call): Promise<unknown> {
    const what = `${call.method.toLowerCase()} ${call.path}`;
    const timeoutMs = this.#timeoutMs;
    const abort = new AbortController();
    const timer = this.#clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      const context = requestOf(this.#config.getCurrentCluster()?.server ?? '', call);
      await this.#config.applySecurityAuthentication(context);
      context.setSignal(abort.signal);
      const response = await this.#http.send(context).toPromise();
      const text = await response.body.text();
      const { httpStatusCode: code } = response;
      if (code < 200 || code > 299) throw apiErrorOf(what, code, text);
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw errorOfFailure(what, error);
    } finally {
      timer.stop();
    }
  }
}

function namespaceOf({ namespace }: { readonly namespace?: string | undefined }): Partial<ObjectKey> {
  return namespace === undefined ? {} : { namespace };
}

function pathOf(resource: Resource<KubeObject>, key: Partial<ObjectKey>, subresource?: string): string {
  const { group, version, plural, namespaced } = resource;
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const inside = namespaced && key.namespace !== undefined ? `/namespaces/${encodeURIComponent(key.namespace)}` : '';
  const name = key.name === undefined ? '' : `/${encodeURIComponent(key.name)}`;
  return `${base}${inside}/${plural}${name}${subresource === undefined ? '' : `/${subresource}`}`;
}

function requestOf(server: string, { method, path, query = {}, body, contentType }: Call): RequestContext {
  const url = new URL(server.replace(/\/$/, '') + path);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const context = new RequestContext(url.toString(), method);
  context.setHeaderParam('Accept', 'application/json');
  context.setHeaderParam('User-Agent', fieldManager);
  if (body === undefined) return context;
  context.setHeaderParam('Content-Type', contentType ?? 'application/json');
  context.setBody(JSON.stringify(body));
  return context;
}
