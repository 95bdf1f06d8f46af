/** Bytes in front of a message on a stream of gRPC: whether it is compressed, and its length ("gRPC over HTTP2", Length-Prefixed-Message). */
export const messagePrefixBytes = 5;

/** A message as it goes on a stream, uncompressed. */
export function prefixedMessage(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(messagePrefixBytes + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, messagePrefixBytes);
  return bytes;
}
