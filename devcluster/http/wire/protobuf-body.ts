import { BinaryReader } from '@bufbuild/protobuf/wire';
import { isFields } from '../../store/json-copy.js';
import { badRequest } from '../../store/refusals.js';
import { messageOf } from '#common/errors/errors.js';

/** How a field is read: a scalar, a map, a message, or a list of one of them. */
type FieldType = 'string' | 'int64' | 'bool' | 'bytes' | 'string-map' | 'bytes-map' | Message;

interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly isList?: boolean;
}

/** Fields of a message by their number. */
type Message = Readonly<Record<number, Field>>;

// Numbers are those of generated.proto in k8s.io/apimachinery, k8s.io/api/core/v1 and k8s.io/api/policy/v1.
const objectMeta: Message = {
  1: { name: 'name', type: 'string' },
  2: { name: 'generateName', type: 'string' },
  3: { name: 'namespace', type: 'string' },
  5: { name: 'uid', type: 'string' },
  6: { name: 'resourceVersion', type: 'string' },
  11: { name: 'labels', type: 'string-map' },
  12: { name: 'annotations', type: 'string-map' },
  14: { name: 'finalizers', type: 'string', isList: true },
};

const preconditions: Message = {
  1: { name: 'uid', type: 'string' },
  2: { name: 'resourceVersion', type: 'string' },
};

const deleteOptions: Message = {
  1: { name: 'gracePeriodSeconds', type: 'int64' },
  2: { name: 'preconditions', type: preconditions },
  3: { name: 'orphanDependents', type: 'bool' },
  4: { name: 'propagationPolicy', type: 'string' },
  5: { name: 'dryRun', type: 'string', isList: true },
};

// Numbers of k8s.io/api/authorization/v1.
const accessReview: Message = {
  1: {
    name: 'resourceAttributes',
    type: {
      1: { name: 'namespace', type: 'string' },
      2: { name: 'verb', type: 'string' },
      3: { name: 'group', type: 'string' },
      4: { name: 'version', type: 'string' },
      5: { name: 'resource', type: 'string' },
      6: { name: 'subresource', type: 'string' },
      7: { name: 'name', type: 'string' },
    },
  },
  2: {
    name: 'nonResourceAttributes',
    type: { 1: { name: 'path', type: 'string' }, 2: { name: 'verb', type: 'string' } },
  },
};

const messages: Readonly<Record<string, Message>> = {
  Namespace: {
    1: { name: 'metadata', type: objectMeta },
    2: { name: 'spec', type: { 1: { name: 'finalizers', type: 'string', isList: true } } },
  },
  ConfigMap: {
    1: { name: 'metadata', type: objectMeta },
    2: { name: 'data', type: 'string-map' },
    3: { name: 'binaryData', type: 'bytes-map' },
    4: { name: 'immutable', type: 'bool' },
  },
  SelfSubjectReview: { 1: { name: 'metadata', type: objectMeta } },
  SelfSubjectAccessReview: { 1: { name: 'metadata', type: objectMeta }, 2: { name: 'spec', type: accessReview } },
  SelfSubjectRulesReview: {
    1: { name: 'metadata', type: objectMeta },
    2: { name: 'spec', type: { 1: { name: 'namespace', type: 'string' } } },
  },
  DeleteOptions: deleteOptions,
  Eviction: { 1: { name: 'metadata', type: objectMeta }, 2: { name: 'deleteOptions', type: deleteOptions } },
};

const mapEntry = (isText: boolean): Message => ({
  1: { name: 'key', type: 'string' },
  2: { name: 'value', type: isText ? 'string' : 'bytes' },
});

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function readField(reader: BinaryReader, type: FieldType): unknown {
  switch (type) {
    case 'string':
      return reader.string();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'int64':
      return Number(reader.int64());
    case 'bool':
      return reader.bool();
    case 'string-map':
    case 'bytes-map': {
      const entry = readMessage(reader.bytes(), mapEntry(type === 'string-map'));
      return { [textOf(entry['key'])]: entry['value'] ?? '' };
    }
    default:
      return readMessage(reader.bytes(), type);
  }
}

const isMap = (type: FieldType): boolean => type === 'string-map' || type === 'bytes-map';

function readMessage(bytes: Uint8Array, message: Message): Record<string, unknown> {
  const reader = new BinaryReader(bytes);
  const result: Record<string, unknown> = {};
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = message[number];
    if (field === undefined) {
      reader.skip(wireType, number);
      continue;
    }
    const value = readField(reader, field.type);
    const before = result[field.name];
    if (field.isList === true) result[field.name] = [...(Array.isArray(before) ? (before as unknown[]) : []), value];
    else if (isMap(field.type) && isFields(before)) Object.assign(before, value);
    // Go writes fields that are not set as empty texts.
    else if (value !== '') result[field.name] = value;
  }
  return result;
}

const prefix = Buffer.from('k8s\0');
const envelope: Message = {
  1: { name: 'typeMeta', type: { 1: { name: 'apiVersion', type: 'string' }, 2: { name: 'kind', type: 'string' } } },
  2: { name: 'raw', type: 'bytes' },
};

/**
 * Reads the few bodies that kubectl sends as protobuf only (create namespace, create configmap, drain, auth).
 * @returns undefined for a kind that is not read that way.
 * @throws StatusError BadRequest for what is no Kubernetes protobuf.
 */
export function readProtobufBody(body: Buffer): Record<string, unknown> | undefined {
  if (!body.subarray(0, prefix.length).equals(prefix)) throw badRequest('the body is no Kubernetes protobuf');
  try {
    const { typeMeta, raw } = readMessage(body.subarray(prefix.length), envelope);
    const type = isFields(typeMeta) ? typeMeta : {};
    const message = messages[textOf(type['kind'])];
    if (message === undefined) return undefined;
    return { ...type, ...readMessage(Buffer.from(textOf(raw), 'base64'), message) };
  } catch (error) {
    throw badRequest(`couldn't parse the protobuf body: ${messageOf(error)}`);
  }
}
