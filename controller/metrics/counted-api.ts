import { Counter, type Registry } from 'prom-client';

import { apiStatusOf } from '#kube/api-status.js';
import type { KubeApi, Resource } from '#kube/api.js';
import type { KubeObject } from '#kube/objects.js';

const kinds: Readonly<Record<keyof KubeApi, 'read' | 'write'>> = {
  get: 'read',
  list: 'read',
  watch: 'read',
  create: 'write',
  patch: 'write',
  patchStatus: 'write',
  patchApproval: 'write',
  evict: 'write',
  delete: 'write',
};
/** They are created and leave nothing behind. */
const questions: ReadonlySet<string> = new Set(['tokenreviews', 'subjectaccessreviews']);

/**
 * An API client that counts its requests by resource, verb and code (of the answer; `200` for any success, `none` when there
 * was no answer), and apart from that the writes that took effect.
 */
export function countRequests(api: KubeApi, registry: Registry): KubeApi {
  const registers = [registry];
  const requests = new Counter({
    ...{ name: 'panelet_api_requests_total', help: 'Requests to the API server.', registers },
    labelNames: ['resource', 'verb', 'code'],
  });
  const writes = new Counter({
    ...{ name: 'panelet_api_writes_total', help: 'Writes that the API server accepted.', registers },
    labelNames: ['resource', 'verb'],
  });
  const counted = (verb: keyof KubeApi) => {
    const call = (api[verb] as Call).bind(api);
    return async (...args: Parameters<Call>): Promise<unknown> => {
      const resource = verb === 'evict' ? 'pods/eviction' : (args[0] as Resource<KubeObject>).plural;
      let code = 'none';
      try {
        const answer = await call(...args);
        code = '200';
        if (kinds[verb] === 'write' && !questions.has(resource)) writes.inc({ resource, verb });
        return answer;
      } catch (error) {
        code = String(apiStatusOf(error)?.code ?? 'none');
        throw error;
      } finally {
        requests.inc({ resource, verb, code });
      }
    };
  };
  const verbs = Object.keys(kinds) as (keyof KubeApi)[];
  return Object.fromEntries(verbs.map((verb) => [verb, counted(verb)])) as unknown as KubeApi;
}

type Call = (...args: unknown[]) => Promise<unknown>;
