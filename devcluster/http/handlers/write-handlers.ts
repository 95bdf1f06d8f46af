import type { AnyObject } from '../../store/kube-object.js';
import { checkAddress } from '../../store/admission.js';
import { invalidOptions, unsupportedValue } from '../../store/refusals.js';
import { optionsKindOf } from '../wire/options-kind.js';
import type { WriteOptions } from '../../store/object-store.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import { decodeObject, fieldValidationOf } from './decode-object.js';
import { sendJson } from '../wire/reply.js';
import { readValue } from '../wire/request-body.js';
import { chooseRepresentation, representObject } from '../wire/representation.js';
import type { RequestTarget } from '../wire/request-target.js';

/** @throws StatusError Invalid for a dry run that is not of everything. */
export function isDryRun({ request, query }: Pick<ResourceRequest, 'request' | 'query'>): boolean {
  const asked = query.getAll('dryRun');
  if (asked.every((text) => text === 'All')) return asked.length > 0;
  throw invalidOptions(optionsKindOf(request), unsupportedValue('dryRun', asked, ['All']));
}

/** How a request writes. */
export function writeOptionsOf(call: ResourceRequest): WriteOptions {
  return {
    dryRun: isDryRun(call),
    ...(call.target.subresource === 'status' ? { subresource: 'status' as const } : {}),
  };
}

/** Sends what was written. */
export function sendObject(context: ApiContext, call: ResourceRequest, httpCode: number, stored: AnyObject): void {
  const { request, response, query, target } = call;
  const as = chooseRepresentation(target.served, request.headers.accept, query, context.clock.date().getTime());
  sendJson(response, httpCode, representObject(stored, as));
}

/** The object with the namespace of the URL. @throws StatusError BadRequest when it names another. */
function addressed(target: RequestTarget, object: AnyObject): AnyObject {
  checkAddress(target.served.kind, object, target.namespace, target.name);
  if (target.namespace !== undefined) object.metadata.namespace = target.namespace;
  if (target.name !== undefined) object.metadata.name = target.name;
  return object;
}

/** Answers a create. */
export async function handleCreate(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, target } = call;
  const { served } = target;
  const decoded = decodeObject(served, await readValue(request), fieldValidationOf(call), response);
  const object = served.fromView(addressed(target, decoded));
  const stored = await context.store.create<AnyObject>(served.storedAs, object, { dryRun: isDryRun(call) });
  sendObject(context, call, 201, stored);
}

/** Answers an update. */
export async function handleUpdate(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, target } = call;
  const { served } = target;
  const decoded = decodeObject(served, await readValue(request), fieldValidationOf(call), response);
  const object = served.fromView(addressed(target, decoded));
  const stored = await context.store.update<AnyObject>(served.storedAs, object, writeOptionsOf(call));
  sendObject(context, call, 200, stored);
}
