import { timestamp, type Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';
import { copyOf, isSameJson } from './json-copy.js';
import type { AnyObject } from './kube-object.js';
import { tidyMetadata, validateMetadata } from './metadata-rules.js';
import { badRequest, conflict, forbiddenField, invalid, invalidValue, modifiedMeanwhile } from './refusals.js';
import { apiVersionOf, type ResourceKind } from './resource-kind.js';

/** Time as Kubernetes writes it, in whole seconds. */
export function timestampOf(clock: Clock, plusSeconds = 0): string {
  return timestamp(new Date(clock.date().getTime() + plusSeconds * 1000));
}

// The alphabet of the real server: no vowels, so that no words come out.
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Five characters that make a generated name unique. */
export function nameSuffix(random: Random): string {
  return Array.from({ length: 5 }, () => suffixAlphabet[Math.floor(random.number() * suffixAlphabet.length)]).join('');
}

/** What a new object may need. */
export interface AdmissionDeps {
  readonly clock: Clock;
  readonly random: Random;
}

function identify(kind: ResourceKind, object: AnyObject): void {
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  object.metadata = tidyMetadata(object.metadata);
}

function check(kind: ResourceKind, object: AnyObject, old: AnyObject | undefined): void {
  const causes = [...validateMetadata(kind, object), ...kind.validate(object, old)];
  if (causes.length > 0) throw invalid(kind, object.metadata.name, causes);
}

/**
 * A new object as it will be stored, but for its resource version.
 * @throws StatusError Invalid, BadRequest.
 */
export function admitNew(kind: ResourceKind, asked: AnyObject, deps: AdmissionDeps): AnyObject {
  const object = copyOf(asked);
  identify(kind, object);
  const { metadata } = object;
  if (metadata.resourceVersion !== undefined) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  if (kind.namespaced && metadata.namespace === undefined) throw badRequest('the namespace of the object is missing');
  if (!kind.namespaced) delete metadata.namespace;
  if (metadata.name === '' && metadata.generateName !== undefined) {
    metadata.name = metadata.generateName.slice(0, 58) + nameSuffix(deps.random);
  }
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  metadata.uid = deps.random.uuid();
  metadata.creationTimestamp = timestampOf(deps.clock);
  if (kind.hasGeneration) metadata.generation = 1;
  else delete metadata.generation;
  if (kind.hasStatus) {
    const status = kind.newStatus(object);
    if (status === undefined) delete object['status'];
    else object['status'] = status;
  }
  kind.applyDefaults(object, undefined);
  check(kind, object, undefined);
  return object;
}

const systemFields = [
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'generateName',
] as const;

function keepSystemFields(object: AnyObject, old: AnyObject): void {
  const kept: Record<string, unknown> = { ...object.metadata };
  for (const key of systemFields) {
    const value = old.metadata[key];
    if (value === undefined) Reflect.deleteProperty(kept, key);
    else kept[key] = value;
  }
  object.metadata = kept as unknown as AnyObject['metadata'];
}

/** Object without what does not count for its generation; the node that a scheduler gives to a pod is no change of it. */
function desired(object: AnyObject): unknown {
  const rest = { ...object, metadata: undefined, status: undefined };
  return object.kind === 'Pod' ? { ...rest, spec: { ...(object['spec'] as object), nodeName: undefined } } : rest;
}

function checkVersion(kind: ResourceKind, asked: AnyObject, old: AnyObject): void {
  const { name, uid, resourceVersion } = tidyMetadata(asked.metadata);
  if (uid !== undefined && uid !== old.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ''}`;
    throw conflict(kind, name, why);
  }
  if (resourceVersion === undefined || resourceVersion === '0') {
    if (kind.unconditionalUpdate) return;
    // The real server names the resource here instead of the kind.
    throw invalid({ ...kind, kind: kind.plural }, name, [
      invalidValue('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  }
  if (resourceVersion !== old.metadata.resourceVersion) throw conflict(kind, name, modifiedMeanwhile);
}

function refuseNewFinalizers(kind: ResourceKind, object: AnyObject, old: AnyObject): void {
  if (old.metadata.deletionTimestamp === undefined) return;
  const before = new Set(old.metadata.finalizers);
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
  if (added.length === 0) return;
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added
    .map((text) => JSON.stringify(text))
    .join(', ')}}`;
  throw invalid(kind, object.metadata.name, [forbiddenField('metadata.finalizers', why)]);
}

/** Which parts of `asked` are taken over. */
function merge(kind: ResourceKind, asked: AnyObject, old: AnyObject, subresource: 'status' | undefined): AnyObject {
  const object = copyOf(asked);
  identify(kind, object);
  if (!kind.hasStatus) return object;
  if (subresource === undefined) {
    if (old['status'] === undefined) delete object['status'];
    else object['status'] = copyOf(old['status']);
    return object;
  }
  const metadata = kind.statusKeepsMetadata ? copyOf(old.metadata) : object.metadata;
  return { ...copyOf(old), metadata, ...(object['status'] === undefined ? {} : { status: object['status'] }) };
}

/**
 * The object as it will be stored, but for its resource version.
 * @throws StatusError Conflict, Invalid.
 */
export function admitUpdate(
  kind: ResourceKind,
  asked: AnyObject,
  old: AnyObject,
  subresource: 'status' | undefined,
): AnyObject {
  checkVersion(kind, asked, old);
  const object = merge(kind, asked, old, subresource);
  keepSystemFields(object, old);
  object.metadata.name = old.metadata.name;
  if (old.metadata.namespace !== undefined) object.metadata.namespace = old.metadata.namespace;
  if (old.metadata.resourceVersion !== undefined) object.metadata.resourceVersion = old.metadata.resourceVersion;
  kind.applyDefaults(object, old);
  refuseNewFinalizers(kind, object, old);
  check(kind, object, old);
  if (kind.hasGeneration && !isSameJson(desired(object), desired(old))) {
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  return object;
}

/** @throws StatusError BadRequest when an object's name or namespace is not the one of the request. */
export function checkAddress(
  kind: ResourceKind,
  object: AnyObject,
  ns: string | undefined,
  name: string | undefined,
): void {
  const { metadata } = object;
  if (kind.namespaced && metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== ns) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  if (name !== undefined && metadata.name !== '' && metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
}
