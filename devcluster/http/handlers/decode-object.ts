import type { ServerResponse } from 'node:http';
import { findTypeMismatch, type TypeMismatch } from '../../schema/type-mismatch.js';
import { pruneUnknownFields } from '../../schema/unknown-fields.js';
import type { ServedKind } from '../../kinds/served-kind.js';
import { copyOf, isFields } from '../../store/json-copy.js';
import type { AnyObject } from '../../store/kube-object.js';
import { badRequest, invalidOptions, unsupportedValue } from '../../store/refusals.js';
import { apiVersionOf } from '../../store/resource-kind.js';
import type { ResourceRequest } from './api-context.js';
import { optionsKindOf } from '../wire/options-kind.js';
import { addWarning } from '../wire/reply.js';

/** What to do with fields that the schema does not have. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** @throws StatusError Invalid. */
export function fieldValidationOf({ request, query }: Pick<ResourceRequest, 'request' | 'query'>): FieldValidation {
  const asked = query.get('fieldValidation') ?? '';
  if (asked === '') return 'Warn';
  if (asked === 'Strict' || asked === 'Warn' || asked === 'Ignore') return asked;
  throw invalidOptions(
    optionsKindOf(request),
    unsupportedValue('fieldValidation', asked, ['', 'Ignore', 'Strict', 'Warn']),
  );
}

/** Paths of the fields of an object that its schema does not have. */
export function unknownFieldsOf(served: ServedKind, object: unknown): string[] {
  return pruneUnknownFields(served.schemas, served.schema, copyOf(object));
}

/** The first value of a wrong type; undefined when all types fit. */
export function findMismatch(served: ServedKind, object: unknown): TypeMismatch | undefined {
  return findTypeMismatch(served.schemas, served.schema, served.kind.kind, object);
}

/** The strict decoding error for unknown fields, in the words of the real server. */
export function strictDecodingError(unknown: readonly string[]): string {
  return `strict decoding error: ${unknown.map((field) => `unknown field "${field}"`).join(', ')}`;
}

function cannotHandle(served: ServedKind, why: string): Error {
  const { kind, version } = served.kind;
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
}

function checkKind(served: ServedKind, value: Record<string, unknown>): void {
  const apiVersion = apiVersionOf(served.kind);
  const { kind } = served.kind;
  const given = { apiVersion: value['apiVersion'] ?? apiVersion, kind: value['kind'] ?? kind };
  if (given.apiVersion === apiVersion && given.kind === kind) return;
  const text = `${JSON.stringify(given.apiVersion)}, Kind=${JSON.stringify(given.kind)}`;
  throw badRequest(`the object provided is unrecognized (must be of type ${kind} in ${apiVersion}, was ${text})`);
}

/**
 * A value from a client as an object of a kind. Unknown fields are refused, warned of or passed over.
 * @throws StatusError BadRequest.
 */
export function decodeObject(
  served: ServedKind,
  value: unknown,
  validation: FieldValidation,
  response: ServerResponse,
): AnyObject {
  if (!isFields(value)) throw badRequest(`the body is no ${served.kind.kind}`);
  checkKind(served, value);
  const metadata = isFields(value['metadata']) ? value['metadata'] : {};
  const object = { ...value, metadata: { name: '', ...metadata } } as unknown as AnyObject;
  const mismatch = served.isCustom ? undefined : findMismatch(served, object);
  if (mismatch !== undefined) throw cannotHandle(served, mismatch.text);
  const unknown = validation === 'Ignore' ? [] : unknownFieldsOf(served, object);
  if (unknown.length > 0 && validation === 'Strict') throw cannotHandle(served, strictDecodingError(unknown));
  for (const field of unknown) addWarning(response, `unknown field "${field}"`);
  return object;
}
