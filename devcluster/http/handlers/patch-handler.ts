import { goText } from '../../patch/go-text.js';
import { applyJsonPatch } from '../../patch/json-patch.js';
import { applyMergePatch } from '../../patch/merge-patch.js';
import { applyStrategicMerge } from '../../patch/strategic-merge.js';
import type { ServedKind } from '../../kinds/served-kind.js';
import { isFields, sortFields } from '../../store/json-copy.js';
import { checkAddress } from '../../store/admission.js';
import type { AnyObject } from '../../store/kube-object.js';
import { badRequest } from '../../store/refusals.js';
import { StatusError } from '../../store/status-error.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import {
  decodeObject,
  fieldValidationOf,
  findMismatch,
  strictDecodingError,
  unknownFieldsOf,
} from './decode-object.js';
import { needObject } from './read-handlers.js';
import { contentTypeOf, parseText, readBody, unsupportedMediaType } from '../wire/request-body.js';
import { sendObject, writeOptionsOf } from './write-handlers.js';

const jsonPatch = 'application/json-patch+json';
const mergePatch = 'application/merge-patch+json';
const strategicMerge = 'application/strategic-merge-patch+json';

const acceptedBy = (served: ServedKind): string[] =>
  served.isCustom ? [jsonPatch, mergePatch] : [jsonPatch, mergePatch, strategicMerge];

/** @throws StatusError UnsupportedMediaType. */
function checkType(served: ServedKind, type: string): void {
  if (acceptedBy(served).includes(type)) return;
  const isApply = type.startsWith('application/apply-patch');
  const note = isApply
    ? 'the dev cluster has no server-side apply; use client-side apply (kubectl apply --server-side=false)'
    : '';
  throw unsupportedMediaType(acceptedBy(served), note);
}

const notOfType = (patch: unknown, type: string): string =>
  `json: cannot unmarshal ${Array.isArray(patch) ? 'array' : typeof patch} into Go value of type ${type}`;
const noObject = (patch: unknown): string => notOfType(patch, 'map[string]interface {}');

function applyPatch(served: ServedKind, type: string, current: AnyObject, patch: unknown): unknown {
  switch (type) {
    case jsonPatch:
      if (typeof patch !== 'object')
        throw badRequest(`error decoding patch: ${notOfType(patch, '[]handlers.jsonPatchOp')}`);
      return applyJsonPatch(current, patch);
    case strategicMerge:
      if (!isFields(patch)) throw badRequest(noObject(patch));
      return applyStrategicMerge(served.schemas, served.schema, current, patch);
    default:
      if (!isFields(patch)) throw badRequest(`error decoding patch: ${noObject(patch)}`);
      return applyMergePatch(current, patch);
  }
}

/** What a refusal of a patch quotes: a strategic patch as Go prints it, else the object that came out. */
const quoted = (type: string, patched: unknown, patch: unknown): string =>
  type === strategicMerge ? goText(patch) : JSON.stringify(sortFields(patched));

/** Why the object that came out cannot be read; it is told in another form than for a whole object. */
function whyUnreadable(served: ServedKind, type: string, patched: unknown, isStrict: boolean): string | undefined {
  const mismatch = served.isCustom ? undefined : findMismatch(served, patched);
  if (mismatch !== undefined) return type === strategicMerge ? mismatch.patchText : mismatch.text;
  const unknown = isStrict ? unknownFieldsOf(served, patched) : [];
  return unknown.length === 0 ? undefined : strictDecodingError(unknown);
}

function refusePatch(text: string, why: string): never {
  const message = `Invalid value: ${JSON.stringify(text)}: ${why}`;
  throw new StatusError(422, 'Invalid', ` "" is invalid: patch: ${message}`, {
    causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }],
  });
}

/** Answers a patch. */
export async function handlePatch(context: ApiContext, call: ResourceRequest): Promise<void> {
  const { request, response, target } = call;
  const { served } = target;
  const type = contentTypeOf(request);
  checkType(served, type);
  const validation = fieldValidationOf(call);
  const patch = parseText(await readBody(request), false);
  // From here to the write nothing waits, so nobody can write in between.
  const current = served.toView(needObject(context, target));
  const patched = applyPatch(served, type, current, patch);
  const why = whyUnreadable(served, type, patched, validation === 'Strict');
  if (why !== undefined) refusePatch(quoted(type, patched, patch), why);
  const object = decodeObject(served, patched, validation === 'Strict' ? 'Ignore' : validation, response);
  checkAddress(served.kind, object, current.metadata.namespace, current.metadata.name);
  const options = writeOptionsOf(call);
  sendObject(context, call, 200, await context.store.update(served.storedAs, served.fromView(object), options));
}
