import type { DescribeResponse } from '#proto/worker/v1/worker.js';

const maxKeys = 32;
const maxKeyLength = 64;

// RFC 9113, 8.2.2, and what says how HTTP itself reads an answer.
const reservedKeys = new Set([
  'connection',
  'content-length',
  'content-type',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** True for the name of a header that is about one connection or about HTTP itself: never metadata of a panel. */
export function isReservedKey(name: string): boolean {
  return name.startsWith(':') || reservedKeys.has(name);
}

/** True for a key of gRPC metadata: lower case, of the alphabet that gRPC allows. */
export function isMetadataKey(name: string): boolean {
  return /^[0-9a-z_.-]+$/.test(name);
}

/** The keys of response metadata that a worker names in its Describe; those that may not be named are left out. */
export function metadataKeysOf({ metadataKeys }: Pick<DescribeResponse, 'metadataKeys'>): ReadonlySet<string> {
  const named = metadataKeys.filter(
    (key) => key.length <= maxKeyLength && isMetadataKey(key) && !key.startsWith('grpc-') && !isReservedKey(key),
  );
  return new Set([...new Set(named)].slice(0, maxKeys));
}
