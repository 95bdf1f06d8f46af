import { applyJsonPatch } from '../patch/json-patch.js';
import { applyMergePatch } from '../patch/merge-patch.js';
import { applyStrategicMerge } from '../patch/strategic-merge.js';
import type { ServedKind } from '../kinds/served-kind.js';
import { isFields } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { badRequest } from '../store/refusals.js';
import { StatusError } from '../store/status-error.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import { decodeObject, fieldValidationOf, strictDecodingError, unknownFieldsOf } from './decode-object.js';
import { goText } from './go-text.js';
import { needObject } from './read-handlers.js';
import { contentTypeOf, parseText, readBody, unsupportedMediaType } from './request-body.js';
import { sendObject, writeOptionsOf } from './write-handlers.js';

const jsonPatch = 'application/json-patch+json';
const mergePatch = 'application/merge-patch+json';
const strategicMerge = 'application/strategic-merge-patch+json';

const acceptedBy = (served: ServedKind): string[] =>
  served.isCustom ? [jsonPatch, mergePatch] : [jsonPatch, mergePatch, strategicMerge];

/** @throws StatusError UnsupportedMediaType. */
const checkType = (served: ServedKind, type: string): void => {
  if (acceptedBy(served).includes(type)) return;
  const isApply = type.startsWith('application/apply-patch');
  const note = isApply
    ? 'the dev cluster has no server-side apply; use client-side apply (kubectl apply --server-side=false)'
    : '';
  throw unsupportedMediaType(acceptedBy(served), note);
};

const applyPatch = (served: ServedKind, type: string, current: AnyObject, patch: unknown): unknown => {
  switch (type) {
    case jsonPatch:
      return applyJsonPatch(served.kind, current.metadata.name, current, patch);
    case strategicMerge:
      return applyStrategicMerge(served.schemas, served.schema, current, patch);
    default:
      if (!isFields(patch)) throw badRequest('error decoding patch: a merge patch is an object');
      return applyMergePatch(current, patch);
  }
};

/** A patch that brings unknown fields is refused in another form than a whole object. */
const refuseUnknown = (served: ServedKind, patched: unknown, patchText: string): void => {
  const unknown = unknownFieldsOf(served, patched);
  if (unknown.length === 0) return;
  const message = `Invalid value: ${JSON.stringify(patchText)}: ${strictDecodingError(unknown)}`;
  throw new StatusError(422, 'Invalid', ` "" is invalid: patch: ${message}`, {
    causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }],
  });
};

/** Answers a patch. */
export async function handlePatch(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, query, target } = call;
  const { served } = target;
  const type = contentTypeOf(request);
  checkType(served, type);
  const validation = fieldValidationOf(query);
  const patch = parseText(await readBody(request), false);
  // From here to the write nothing waits, so nobody can write in between.
  const current = served.toView(needObject(context, target));
  const patched = applyPatch(served, type, current, patch);
  if (validation === 'Strict') {
    refuseUnknown(served, patched, type === strategicMerge ? goText(patch) : JSON.stringify(patched));
  }
  const object = decodeObject(served, patched, validation === 'Strict' ? 'Ignore' : validation, response);
  if (object.metadata.name !== current.metadata.name || object.metadata.namespace !== current.metadata.namespace) {
    throw badRequest('the name and the namespace of an object cannot be changed');
  }
  const options = writeOptionsOf(target, query);
  sendObject(context, call, 200, await context.store.update(served.storedAs, served.fromView(object), options));
}
