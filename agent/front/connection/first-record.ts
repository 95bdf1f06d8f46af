import type { Socket } from 'node:net';

const headerBytes = 5;
const handshakeType = 0x16;
/** A socket reads no further ahead than 16 KiB; who has sent so much of a record has said enough. */
const enoughBytes = 8 * 1024;

/**
 * Bytes that a peer has to send before a TLS handshake can begin with its first record (RFC 8446, 5.1); undefined while that is not
 * known. What is no handshake is ready at once: TLS itself ends it. Nothing is taken from the socket.
 */
export function firstRecordBytes(socket: Socket): number | undefined {
  const header = socket.read(headerBytes) as Buffer | null;
  if (header === null) return undefined;
  socket.unshift(header);
  // The peer has ended before it said anything of use.
  if (header.length < headerBytes) return undefined;
  if (header[0] !== handshakeType) return headerBytes;
  return Math.min(headerBytes + header.readUInt16BE(3), enoughBytes);
}
