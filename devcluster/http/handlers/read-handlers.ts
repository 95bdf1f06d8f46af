import type { AnyObject } from '../../store/kube-object.js';
import type { StoreListOptions } from '../../store/object-store.js';
import { badRequest, expired, notFound } from '../../store/refusals.js';
import { StatusError } from '../../store/status-error.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import type { Page } from '../wire/pager.js';
import { sendJson } from '../wire/reply.js';
import { chooseRepresentation, representList, representObject } from '../wire/representation.js';
import type { RequestTarget } from '../wire/request-target.js';

/** What a list, a watch or a deletion of many asks for. */
export function listOptionsOf(target: RequestTarget, query: URLSearchParams): StoreListOptions {
  const labelSelector = query.get('labelSelector') ?? '';
  const ownField = target.name === undefined ? '' : `metadata.name=${target.name}`;
  const fieldSelector = [query.get('fieldSelector') ?? '', ownField].filter((text) => text !== '').join(',');
  return { ...(target.namespace === undefined ? {} : { ns: target.namespace }), labelSelector, fieldSelector };
}

/** The stored object a request is about. @throws StatusError NotFound. */
export function needObject(context: ApiContext, target: RequestTarget): AnyObject {
  const { served, namespace, name = '' } = target;
  const found = context.store.get<AnyObject>(served.storedAs, namespace, name);
  if (found === undefined) throw notFound(served.kind, name);
  return found;
}

/** Answers a get. */
export function handleGet(context: ApiContext, { request, response, query, target }: ResourceRequest): void {
  const nowMs = context.clock.date().getTime();
  const as = chooseRepresentation(target.served, request.headers.accept, query, nowMs);
  sendJson(response, 200, representObject(needObject(context, target), as));
}

function numberOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  if (text !== '' && !/^\d+$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

function checkVersion(context: ApiContext, query: URLSearchParams): void {
  const asked = numberOf(query, 'resourceVersion');
  const match = query.get('resourceVersionMatch');
  const current = Number(context.store.resourceVersion);
  if (asked > current) {
    throw new StatusError(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
      retryAfterSeconds: 1,
    });
  }
  // Only the present is kept, not the states before it.
  if (match === 'Exact' && asked < current) throw expired(`The resourceVersion for the provided list is too old.`);
}

/** Answers a list. */
export function handleList(context: ApiContext, { request, response, query, target }: ResourceRequest): void {
  const nowMs = context.clock.date().getTime();
  const as = chooseRepresentation(target.served, request.headers.accept, query, nowMs);
  const limit = numberOf(query, 'limit');
  const token = query.get('continue') ?? '';
  const options = listOptionsOf(target, query);
  const fetch = (): Page => {
    if (token !== '') return context.pager.next(token, limit);
    checkVersion(context, query);
    const { items, resourceVersion } = context.store.list<AnyObject>(target.served.storedAs, options);
    return context.pager.first(items, resourceVersion, limit);
  };
  const { items, ...meta } = fetch();
  const isSelected = options.labelSelector !== '' || options.fieldSelector !== '';
  // The real server does not count what a selector leaves over.
  const { remainingItemCount, ...rest } = meta;
  const counted = remainingItemCount === undefined || isSelected ? rest : { ...rest, remainingItemCount };
  sendJson(response, 200, representList(items, as, counted));
}
