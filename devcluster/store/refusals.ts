import { defineKind, qualifiedKind, qualifiedResource, type ResourceKind } from './resource-kind.js';
import { StatusError, type StatusCause, type ApiStatusDetails } from './status-error.js';

const about = (kind: ResourceKind, name: string): ApiStatusDetails => ({
  name,
  ...(kind.group === '' ? {} : { group: kind.group }),
  kind: kind.plural,
});

/** 404: there is no such object. */
export function notFound(kind: ResourceKind, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualifiedResource(kind)} "${name}" not found`, about(kind, name));
}

/** 409: an object of that name is there. */
export function alreadyExists(kind: ResourceKind, name: string, isEnding: boolean): StatusError {
  const message = `${isEnding ? 'object is being deleted: ' : ''}${qualifiedResource(kind)} "${name}" already exists`;
  return new StatusError(409, 'AlreadyExists', message, about(kind, name));
}

/** 409: somebody else wrote first, or a precondition does not hold. */
export function conflict(kind: ResourceKind, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualifiedResource(kind)} "${name}": ${why}`;
  return new StatusError(409, 'Conflict', message, about(kind, name));
}

/** Why an update with an old resource version is refused, in the words of the real API server. */
export const modifiedMeanwhile =
  'the object has been modified; please apply your changes to the latest version and try again';

/** 422: the object breaks rules. */
export function invalid(kind: ResourceKind, name: string, causes: readonly StatusCause[]): StatusError {
  const texts = [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))];
  const summary = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  const details: ApiStatusDetails = {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  };
  return new StatusError(422, 'Invalid', `${qualifiedKind(kind)} "${name}" is invalid: ${summary}`, details);
}

/** 422: an option of a request (PatchOptions, DeleteOptions, …) has a value that is none. */
export function invalidOptions(optionsKind: string, cause: StatusCause): StatusError {
  return invalid(defineKind({ group: 'meta.k8s.io', version: 'v1', kind: optionsKind, plural: '' }), '', [cause]);
}

/** 403: allowed in general, but not now or not by this user. */
export function forbidden(kind: ResourceKind, name: string, why: string): StatusError {
  const subject = name === '' ? qualifiedResource(kind) : `${qualifiedResource(kind)} "${name}"`;
  return new StatusError(403, 'Forbidden', `${subject} is forbidden: ${why}`, about(kind, name));
}

/** 400: the request makes no sense. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** 410: the history that a watch or a list asks for is no longer kept. */
export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message);
}

/** A value that is not allowed, in the words of the real API server. */
export function invalidValue(field: string, value: unknown, why: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}`, field };
}

/** A value that is missing. */
export function requiredValue(field: string, why = ''): StatusCause {
  return { reason: 'FieldValueRequired', message: why === '' ? 'Required value' : `Required value: ${why}`, field };
}

/** A value that is none of those supported. */
export function unsupportedValue(field: string, value: unknown, supported: readonly string[]): StatusCause {
  const list = supported.map((text) => JSON.stringify(text));
  return {
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list.join(', ')}`,
    field,
  };
}

/** A value that is there twice. */
export function duplicateValue(field: string, value: unknown): StatusCause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${JSON.stringify(value)}`, field };
}

/** A field that must not be set. */
export function forbiddenField(field: string, why: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
}
