import { isFields, textAt, valueAt } from '../../store/json-copy.js';
import type { AnyObject } from '../../store/kube-object.js';
import type { DeleteOptions } from '../../store/object-store.js';
import { badRequest, invalidOptions, unsupportedValue } from '../../store/refusals.js';
import type { ResourceKind } from '../../store/resource-kind.js';
import { isStatusError } from '../../store/status-error.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import { listOptionsOf } from './read-handlers.js';
import { sendJson } from '../wire/reply.js';
import { chooseRepresentation, representList } from '../wire/representation.js';
import { readValue } from '../wire/request-body.js';
import { isDryRun, sendObject } from './write-handlers.js';

const policies = ['Background', 'Foreground', 'Orphan'] as const;

function policyOf(text: string): DeleteOptions['propagationPolicy'] {
  if (text === '') return undefined;
  const found = policies.find((policy) => policy === text);
  if (found !== undefined) return found;
  const supported = ['Foreground', 'Background', 'Orphan', 'nil'];
  throw invalidOptions('DeleteOptions', unsupportedValue('propagationPolicy', text, supported));
}

/** What the body and the query of a delete ask for. @throws StatusError BadRequest, Invalid. */
export function deleteOptionsOf(body: unknown, call: Pick<ResourceRequest, 'request' | 'query'>): DeleteOptions {
  const { query } = call;
  if (body !== undefined && !isFields(body)) throw badRequest('the body is no DeleteOptions');
  const grace = valueAt(body, 'gracePeriodSeconds') ?? query.get('gracePeriodSeconds') ?? undefined;
  const isOrphan = valueAt(body, 'orphanDependents') === true || query.get('orphanDependents') === 'true';
  const asked = textAt(body, 'propagationPolicy') || (query.get('propagationPolicy') ?? '');
  const propagationPolicy = policyOf(asked === '' && isOrphan ? 'Orphan' : asked);
  const uid = textAt(body, 'preconditions', 'uid');
  const resourceVersion = textAt(body, 'preconditions', 'resourceVersion');
  const isDry = isDryRun(call) || valueAt(body, 'dryRun') !== undefined;
  return {
    ...(typeof grace !== 'number' && typeof grace !== 'string' ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(uid === '' ? {} : { uid }),
    ...(resourceVersion === '' ? {} : { resourceVersion }),
    ...(isDry ? { dryRun: true } : {}),
  };
}

const success = (kind: ResourceKind, object: AnyObject): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: {
    name: object.metadata.name,
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.plural,
    uid: object.metadata.uid,
  },
});

/** Answers a delete: with the object while something keeps it, and for pods always; else with a Status. */
export async function handleDelete(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, target } = call;
  const { served, namespace, name = '' } = target;
  const options = deleteOptionsOf(await readValue(request), call);
  const { object, gone } = await context.store.delete<AnyObject>(served.storedAs, namespace, name, options);
  if (!gone || served.kind.plural === 'pods') sendObject(context, call, 200, object);
  else sendJson(response, 200, success(served.kind, object));
}

/** Answers a deletion of all objects that selectors match, with the list of them. */
export async function handleDeleteCollection(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, query, target } = call;
  const { served } = target;
  const options = deleteOptionsOf(await readValue(request), call);
  const { items, resourceVersion } = context.store.list<AnyObject>(served.storedAs, listOptionsOf(target, query));
  const ignoreGone = (error: unknown): void => {
    if (!isStatusError(error, 'NotFound')) throw error;
  };
  const deletions = items.map(({ metadata }) =>
    context.store.delete(served.storedAs, metadata.namespace, metadata.name, options).catch(ignoreGone),
  );
  await Promise.all(deletions);
  const as = chooseRepresentation(served, request.headers.accept, query, context.clock.date().getTime());
  sendJson(response, 200, representList(items, as, { resourceVersion }));
}

/** Answers an eviction: without disruption budgets it is a deletion. */
export async function handleEviction(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, target } = call;
  const body = await readValue(request);
  const options = deleteOptionsOf(valueAt(body, 'deleteOptions'), call);
  await context.store.delete(target.served.storedAs, target.namespace, target.name ?? '', options);
  sendJson(response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}
