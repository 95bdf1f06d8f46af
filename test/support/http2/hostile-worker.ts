import { createServer, type Server, type Socket } from 'node:net';
import { createFrameReader, encodeFrame, encodeHeaders, flag, frameType, type RawHeader } from './frames.js';

/** One call at a hostile worker, answered with whatever bytes the test likes. */
export interface HostileCall {
  readonly streamId: number;
  /** Kinds of the frames that came for it so far, its HEADERS included. */
  readonly seen: readonly number[];
  /** True once the caller has ended its half or has reset the stream. */
  left(): boolean;
  /** A block of headers or trailers; one that is large goes on in CONTINUATION frames. */
  headers(headers: readonly RawHeader[], end?: 'end'): void;
  data(payload: Buffer, end?: 'end'): void;
  reset(code: number): void;
  frame(type: number, payload: Buffer, flags?: number): void;
}

/** A server on a Unix socket that speaks just enough HTTP/2 to break its rules. */
export interface HostileWorker {
  readonly calls: readonly HostileCall[];
  /** Connections that are open. */
  connections(): number;
  close(): Promise<void>;
}

const maxFrameBytes = 16_384;

/** Serves at a socket; `answer` is called when a stream has begun. */
export async function startHostileWorker(
  socketPath: string,
  answer: (call: HostileCall) => void,
): Promise<HostileWorker> {
  const calls: HostileCall[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    serve(socket, (call) => {
      calls.push(call);
      answer(call);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return { calls, connections: () => sockets.size, close: () => closeServer(server, sockets) };
}

function serve(socket: Socket, onCall: (call: HostileCall) => void): void {
  const streams = new Map<number, { seen: number[]; left: boolean }>();
  const send = (type: number, payload: Buffer, at: { flags: number; streamId: number }): void => {
    if (socket.writable) socket.write(encodeFrame({ type, payload, ...at }));
  };
  const connection = { flags: flag.none, streamId: 0 };
  send(frameType.settings, Buffer.alloc(0), connection);
  const read = createFrameReader(({ type, flags, streamId, payload }) => {
    if (type === frameType.settings && flags === flag.none) {
      send(frameType.settings, payload.subarray(0, 0), { ...connection, flags: flag.ack });
    }
    if (type === frameType.ping && flags === flag.none) send(type, payload, { ...connection, flags: flag.ack });
    if (streamId === 0) return;
    const known = streams.get(streamId);
    const stream = known ?? { seen: [], left: false };
    streams.set(streamId, stream);
    stream.seen.push(type);
    const ends = (type === frameType.data || type === frameType.headers) && (flags & flag.endStream) !== 0;
    if (ends || type === frameType.rstStream) stream.left = true;
    if (known === undefined) onCall(callOf(streamId, stream, send));
  });
  socket.on('data', read);
}

type Send = (type: number, payload: Buffer, at: { flags: number; streamId: number }) => void;

function callOf(streamId: number, stream: { seen: number[]; left: boolean }, send: Send): HostileCall {
  const endOf = (end: 'end' | undefined): number => (end === undefined ? flag.none : flag.endStream);
  return {
    streamId,
    seen: stream.seen,
    left: () => stream.left,
    headers: (headers, end) => {
      const block = encodeHeaders(headers);
      const parts = Math.max(1, Math.ceil(block.length / maxFrameBytes));
      for (let part = 0; part < parts; part++) {
        const flags = (part === 0 ? endOf(end) : flag.none) | (part === parts - 1 ? flag.endHeaders : flag.none);
        const payload = block.subarray(part * maxFrameBytes, (part + 1) * maxFrameBytes);
        send(part === 0 ? frameType.headers : frameType.continuation, payload, { flags, streamId });
      }
    },
    data: (payload, end) => send(frameType.data, payload, { flags: endOf(end), streamId }),
    reset: (code) => {
      const payload = Buffer.alloc(4);
      payload.writeUInt32BE(code);
      send(frameType.rstStream, payload, { flags: flag.none, streamId });
    },
    frame: (type, payload, flags = flag.none) => send(type, payload, { flags, streamId }),
  };
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  return closed;
}
