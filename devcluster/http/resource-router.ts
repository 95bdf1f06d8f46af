import { StatusError } from '../store/status-error.js';
import type { ApiContext, ResourceRequest } from './handlers/api-context.js';
import { handleDelete, handleDeleteCollection, handleEviction } from './handlers/delete-handlers.js';
import { handleLog } from './handlers/log-handler.js';
import { handlePatch } from './handlers/patch-handler.js';
import { handleGet, handleList, needObject } from './handlers/read-handlers.js';
import { refusedStreams, refuseStream } from './handlers/refused-streams.js';
import { handleReview } from './handlers/review-handler.js';
import { handleToken } from './handlers/token-handler.js';
import { handleWatch } from './handlers/watch-handler.js';
import { handleCreate, handleUpdate } from './handlers/write-handlers.js';

const notAllowed = (): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

/** True when a request is a watch. */
export function isWatch(query: URLSearchParams): boolean {
  return ['true', '1'].includes(query.get('watch') ?? '');
}

async function routeOne(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { subresource } = call.target;
  switch (call.request.method) {
    case 'GET':
      handleGet(context, call);
      return;
    case 'PUT':
      return handleUpdate(context, call);
    case 'PATCH':
      return handlePatch(context, call);
    case 'DELETE':
      if (subresource !== undefined) throw notAllowed();
      return handleDelete(context, call);
    default:
      throw notAllowed();
  }
}

async function routeMany(context: ApiContext, call: ResourceRequest): Promise<void> {
  switch (call.request.method) {
    case 'GET':
      handleList(context, call);
      return;
    case 'POST':
      return handleCreate(context, call);
    case 'DELETE':
      return handleDeleteCollection(context, call);
    default:
      throw notAllowed();
  }
}

/** Hands a request about a resource to its handler. @throws StatusError for every refusal. */
export async function routeResource(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { served, name, namespace, subresource } = call.target;
  const method = call.request.method ?? 'GET';
  if (served.isReview || subresource === 'token') {
    if (method !== 'POST' || (served.isReview && name !== undefined)) throw notAllowed();
    return served.isReview ? handleReview(context, call) : handleToken(context, call);
  }
  if (served.kind.readOnly && method !== 'GET') throw notAllowed();
  if (method === 'GET' && subresource === undefined && isWatch(call.query)) {
    handleWatch(context, call);
    return;
  }
  if (subresource !== undefined && refusedStreams.includes(subresource)) {
    throw refuseStream(needObject(context, call.target), subresource);
  }
  if (subresource === 'log') {
    if (method !== 'GET') throw notAllowed();
    return handleLog(context, call);
  }
  if (subresource === 'eviction') {
    if (method !== 'POST') throw notAllowed();
    return handleEviction(context, call);
  }
  if (name !== undefined) return routeOne(context, call);
  if (method === 'POST' && served.kind.namespaced && namespace === undefined) throw notAllowed();
  return routeMany(context, call);
}
