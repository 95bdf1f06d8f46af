import { isFields } from './json-copy.js';
import type { AnyObject, StoredMeta } from './kube-object.js';
import { invalidValue, requiredValue } from './refusals.js';
import type { NameRule, ResourceKind } from './resource-kind.js';
import type { StatusCause } from './status-error.js';

const labelName = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const namePatterns: Readonly<Record<NameRule, RegExp>> = {
  subdomain: new RegExp(`^${labelName}(\\.${labelName})*$`),
  label: new RegExp(`^${labelName}$`),
  'path-segment': /^(?!\.{1,2}$)[^/%]+$/,
};
const nameAdvice: Readonly<Record<NameRule, string>> = {
  subdomain:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  label:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  'path-segment': "may not be '.' or '..' and may not contain '/' or '%'",
};
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const keyAdvice =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const qualifiedAdvice = keyAdvice
  .replace('name part', 'a valid label key')
  .concat(" with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
const valueAdvice =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Why a text is no key of a label; undefined when it is one. */
export function labelKeyProblem(key: string): string | undefined {
  if (labelKey.test(key)) return undefined;
  return key.split('/').length > 2 ? qualifiedAdvice : keyAdvice;
}

/** Why a text is no value of a label; undefined when it is one. */
export function labelValueProblem(value: string): string | undefined {
  if (value.length > 63) return 'must be no more than 63 bytes';
  return labelValue.test(value) ? undefined : valueAdvice;
}

/** What is wrong with labels at `field`. */
export function validateLabels(labels: unknown, field: string): StatusCause[] {
  if (!isFields(labels)) return [];
  return Object.entries(labels).flatMap(([key, value]) => {
    const keyProblem = labelKeyProblem(key);
    if (keyProblem !== undefined) return [invalidValue(field, key, keyProblem)];
    if (typeof value !== 'string') return [invalidValue(`${field}.${key}`, value, 'must be a string')];
    const valueProblem = labelValueProblem(value);
    return valueProblem === undefined ? [] : [invalidValue(field, value, valueProblem)];
  });
}

function validateAnnotations(annotations: unknown): StatusCause[] {
  if (!isFields(annotations)) return [];
  return Object.entries(annotations).flatMap(([key, value]) => {
    if (!labelKey.test(key.toLowerCase())) return [invalidValue('metadata.annotations', key, keyAdvice)];
    return typeof value === 'string' ? [] : [invalidValue(`metadata.annotations.${key}`, value, 'must be a string')];
  });
}

function validateName(kind: ResourceKind, name: string): StatusCause[] {
  if (name === '') return [requiredValue('metadata.name', 'name or generateName is required')];
  if (name.length > 253) return [invalidValue('metadata.name', name, 'must be no more than 253 bytes')];
  if (namePatterns[kind.nameRule].test(name)) return [];
  return [invalidValue('metadata.name', name, nameAdvice[kind.nameRule])];
}

function validateOwners(metadata: StoredMeta): StatusCause[] {
  const owners = metadata.ownerReferences ?? [];
  const causes = owners.flatMap((owner, index) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((key) => typeof owner[key] !== 'string' || owner[key] === '')
      .map((key) => requiredValue(`metadata.ownerReferences[${index}].${key}`, 'must not be empty')),
  );
  const controllers = owners.filter((owner) => owner.controller === true).map((owner) => owner.kind + '/' + owner.name);
  if (controllers.length < 2) return causes;
  const why = 'Only one reference can have Controller set to true. Found "true" in references for ';
  return [...causes, invalidValue('metadata.ownerReferences', controllers, why + controllers.join(' and '))];
}

const standardFinalizers = ['foregroundDeletion', 'orphan', 'kubernetes'];

const validateFinalizers = (metadata: StoredMeta): StatusCause[] =>
  (metadata.finalizers ?? []).flatMap((finalizer, index) => {
    const isQualified = labelKey.test(finalizer) && finalizer.includes('/');
    if (isQualified || standardFinalizers.includes(finalizer)) return [];
    const why = 'name is neither a standard finalizer name nor is it fully qualified';
    return [invalidValue(`metadata.finalizers[${index}]`, finalizer, why)];
  });

/** What is wrong with an object's metadata. */
export function validateMetadata(kind: ResourceKind, object: AnyObject): StatusCause[] {
  const { metadata } = object;
  return [
    ...validateName(kind, metadata.name),
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations),
    ...validateOwners(metadata),
    ...validateFinalizers(metadata),
  ];
}

const metadataFields = new Set([
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
]);

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (isFields(value) && Object.keys(value).length === 0);

/** The metadata without unknown fields, and without the empty ones that the real server does not write either. */
export function tidyMetadata(metadata: unknown): StoredMeta {
  const fields = isFields(metadata) ? metadata : {};
  const kept = Object.entries(fields).filter(([key, value]) => metadataFields.has(key) && !isEmpty(value));
  return { name: '', ...Object.fromEntries(kept) };
}
