import { Counter, type Registry } from 'prom-client';

import { apiStatusOf } from '../kube/api-status.js';
import type { KubeApi, Resource } from '../kube/kube-api.js';
import type { KubeObject } from '../kube/objects.js';

const readVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
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
  const counted =
    <A extends [Resource<never>, ...unknown[]], R>(verb: string, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const resource = (args[0] as Resource<KubeObject>).plural;
      let code = 'none';
      try {
        const answer = await call(...args);
        code = '200';
        if (!readVerbs.has(verb) && !questions.has(resource)) writes.inc({ resource, verb });
        return answer;
      } catch (error) {
        code = String(apiStatusOf(error)?.code ?? 'none');
        throw error;
      } finally {
        requests.inc({ resource, verb, code });
      }
    };
  const methods = Object.entries(api) as [string, (...args: [Resource<never>, ...unknown[]]) => Promise<unknown>][];
  return Object.fromEntries(methods.map(([verb, call]) => [verb, counted(verb, call.bind(api))])) as unknown as KubeApi;
}
