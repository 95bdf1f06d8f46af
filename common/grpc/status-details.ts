import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** What a google.rpc.Status says beyond its code, as grpc-status-details-bin carries it. */
export interface StatusDetails {
  /** gRPC status code. */
  readonly code: number;
  /** Sentence for a person. */
  readonly message: string;
  /** ErrorInfo.reason: an upper-case reason; its domain is always `panelet.dev`. */
  readonly reason: string;
  /** RetryInfo: when to try again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** QuotaFailure: which limit was hit. */
  readonly quota?: { readonly subject: string; readonly description: string };
  /** BadRequest: which field was wrong. */
  readonly badField?: { readonly field: string; readonly description: string };
}

const domain = 'panelet.dev';
const typeUrl = (name: string): string => `type.googleapis.com/google.rpc.${name}`;

// Field numbers: google/rpc/status.proto and google/rpc/error_details.proto of googleapis.
const lengthDelimited = (field: number): number => (field << 3) | 2;

function pair(first: string, second: string): Uint8Array {
  return new BinaryWriter().uint32(lengthDelimited(1)).string(first).uint32(lengthDelimited(2)).string(second).finish();
}

function wrapped(inner: Uint8Array): Uint8Array {
  return new BinaryWriter().uint32(lengthDelimited(1)).bytes(inner).finish();
}

function duration(ms: number): Uint8Array {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6) % 1e9;
  const writer = new BinaryWriter();
  if (seconds > 0) writer.uint32(1 << 3).int64(seconds);
  if (nanos > 0) writer.uint32(2 << 3).int32(nanos);
  return writer.finish();
}

function any(name: string, value: Uint8Array): Uint8Array {
  return new BinaryWriter()
    .uint32(lengthDelimited(1))
    .string(typeUrl(name))
    .uint32(lengthDelimited(2))
    .bytes(value)
    .finish();
}

/** Encodes a google.rpc.Status with the ErrorInfo, RetryInfo, QuotaFailure and BadRequest that apply. */
export function encodeStatusDetails(details: StatusDetails): Uint8Array {
  const writer = new BinaryWriter().uint32(1 << 3).int32(details.code);
  writer.uint32(lengthDelimited(2)).string(details.message);
  const add = (name: string, value: Uint8Array): void => void writer.uint32(lengthDelimited(3)).bytes(any(name, value));
  add('ErrorInfo', pair(details.reason, domain));
  if (details.retryAfterMs !== undefined) add('RetryInfo', wrapped(duration(details.retryAfterMs)));
  if (details.quota !== undefined) {
    add('QuotaFailure', wrapped(pair(details.quota.subject, details.quota.description)));
  }
  if (details.badField !== undefined) {
    add('BadRequest', wrapped(pair(details.badField.field, details.badField.description)));
  }
  return writer.finish();
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

function readFields(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | number)[]>();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    let value: Uint8Array | number | undefined;
    if (wireType === WireType.Varint) value = Number(reader.int64());
    else if (wireType === WireType.LengthDelimited) value = reader.bytes();
    else reader.skip(wireType);
    if (value !== undefined) fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

const numberAt = (fields: Fields, field: number): number => {
  const value = fields.get(field)?.at(-1);
  return typeof value === 'number' ? value : 0;
};

const bytesAt = (fields: Fields, field: number): Uint8Array => {
  const value = fields.get(field)?.at(-1);
  return value instanceof Uint8Array ? value : new Uint8Array(0);
};

const textAt = (fields: Fields, field: number): string => Buffer.from(bytesAt(fields, field)).toString('utf8');

/** Decodes what {@link encodeStatusDetails} wrote; details of other kinds are skipped. @throws on malformed bytes. */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails {
  const status = readFields(bytes);
  let details: StatusDetails = { code: numberAt(status, 1), message: textAt(status, 2), reason: '' };
  for (const entry of status.get(3) ?? []) {
    if (!(entry instanceof Uint8Array)) continue;
    const wrapper = readFields(entry);
    const value = readFields(bytesAt(wrapper, 2));
    const first = (): Fields => readFields(bytesAt(value, 1));
    switch (textAt(wrapper, 1)) {
      case typeUrl('ErrorInfo'):
        details = { ...details, reason: textAt(value, 1) };
        break;
      case typeUrl('RetryInfo'):
        details = { ...details, retryAfterMs: numberAt(first(), 1) * 1000 + numberAt(first(), 2) / 1e6 };
        break;
      case typeUrl('QuotaFailure'):
        details = { ...details, quota: { subject: textAt(first(), 1), description: textAt(first(), 2) } };
        break;
      case typeUrl('BadRequest'):
        details = { ...details, badField: { field: textAt(first(), 1), description: textAt(first(), 2) } };
        break;
      default:
    }
  }
  return details;
}
