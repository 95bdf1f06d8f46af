import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createReviews } from '#agent/kube/reviews.js';
import type { ApiClient, ApiRequest } from '#kube/plain/api-client.js';
import { createCertificateRequests } from '#agent/kube/certificate-requests.js';
import { followConfigMap } from '#agent/kube/config-map.js';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import * as certificateObjects from '#kube/certificate-objects.js';
import * as kubeApi from '#kube/api.js';
import * as reviewObjects from '#kube/review-objects.js';
import { panelRestarts } from '#controller/restart/api/panel-restart.js';

/** Verbs by resource, as `pods` or `panelrestarts/status`; both sorted. */
export type ApiCalls = Readonly<Record<string, readonly string[]>>;

/** Calls put together. */
export function collectCalls(calls: readonly (readonly [resource: string, verb: string])[]): ApiCalls {
  const found = new Map<string, Set<string>>();
  for (const [resource, verb] of calls) found.set(resource, (found.get(resource) ?? new Set()).add(verb));
  const sorted = [...found].sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted.map(([resource, verbs]) => [resource, [...verbs].sort()]));
}

function callOf({ method, path }: ApiRequest): readonly [string, string] {
  const { pathname, searchParams } = new URL(path, 'https://api');
  const [resource = '', name] = pathname.replace(/^\/(api|apis\/[^/]+)\/v1\/(namespaces\/[^/]+\/)?/, '').split('/');
  if (method === 'POST') return [resource, 'create'];
  if (searchParams.get('watch') === 'true') return [resource, 'watch'];
  return [resource, name === undefined ? 'list' : 'get'];
}

/** What an agent asks of the API server, recorded while everything that asks is run once. */
export async function agentCalls(): Promise<ApiCalls> {
  const seen: ApiRequest[] = [];
  const ending = new AbortController();
  const answer = {
    metadata: { resourceVersion: '1' },
    status: { allowed: true, authenticated: true, audiences: ['a'], user: { username: 'u' } },
  };
  const api: ApiClient = {
    call: (request) => {
      seen.push(request);
      return Promise.resolve(answer);
    },
    follow: (request) => {
      seen.push(request);
      ending.abort();
      return Promise.resolve();
    },
    close: () => undefined,
  };
  const requests = createCertificateRequests(api);
  await requests.create({ name: 'n', signerName: 's', request: 'r', expirationSeconds: 600 });
  await requests.state('n');
  const user = await createReviews(api).whoIs('token', ['a']);
  await createReviews(api).mayThey(user!, { path: '/metrics', verb: 'get' });
  await followConfigMap({
    ...{ api, clock: createFakeClock(), random: createSeededRandom(1), log: createSilentLog() },
    ...{ namespace: 'n', name: 'm', onData: () => undefined, signal: ending.signal },
  });
  return collectCalls(seen.map(callOf));
}

/** Files of a directory of the repository that are not tests. */
function sources(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(directory, name));
}

/** Files in which an agent asks something of the API server. */
export function agentAskers(): readonly string[] {
  return sources('agent').filter((file) => /\bapi\.(call|follow)\(/.test(readFileSync(file, 'utf8')));
}

const pluralOf = (variable: string): string => {
  const resources = { ...kubeApi, ...certificateObjects, ...reviewObjects, panelRestarts } as unknown as Readonly<
    Record<string, { readonly plural?: string } | undefined>
  >;
  return resources[variable === 'podResource' ? 'pods' : variable]?.plural ?? `unknown resource ${variable}`;
};

const verbOf: Readonly<Record<string, readonly [subresource: string, verb: string]>> = {
  patchStatus: ['/status', 'patch'],
  patchApproval: ['/approval', 'patch'],
};

/**
 * What the files of the controller below a directory ask of the API server, read from their text: calls of the client that name
 * a resource, and reflectors, which list and watch. In `kube` the client itself is defined; its users there name theirs.
 */
export function controllerCalls(...directories: readonly string[]): ApiCalls {
  const calls = directories.flatMap(sources).flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const direct = [...text.matchAll(/\bapi\s*\.(get|create|patch|patchStatus|patchApproval|delete)\(\s*(\w+)/g)].map(
      ([, method = '', variable = '']) => {
        const [subresource, verb] = verbOf[method] ?? ['', method];
        return [`${pluralOf(variable)}${subresource}`, verb] as const;
      },
    );
    const lists = [...text.matchAll(/\blistAll\(api, (\w+)/g)].map(([, name = '']) => [pluralOf(name), 'list'] as const);
    const reflected = [...text.matchAll(/\bresource: (\w+),/g)].flatMap(([, name = '']) =>
      ['list', 'watch'].map((verb) => [pluralOf(name), verb] as const),
    );
    const evicted = /\bapi\.evict\(/.test(text) ? [['pods/eviction', 'create'] as const] : [];
    return [...direct, ...lists, ...reflected, ...evicted];
  });
  return collectCalls(calls);
}
