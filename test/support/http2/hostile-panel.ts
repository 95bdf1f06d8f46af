import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { GateStatus, State } from '#proto/gate/v1/gate.js';
import { DescribeResponse, WatchResponse } from '#proto/worker/v1/worker.js';
import { encodeFrame, encodeHeaders, flag, frameType, type RawHeader } from './frames.js';

/** Answers one Attach with raw frames. */
export type RawAnswer = (headers: (block: readonly RawHeader[], end?: 'end') => void, streamId: number) => void;

/** A worker that an agent takes for an honest one, until somebody attaches. */
export interface HostilePanel {
  /** How the next attachments are answered. */
  setAnswer(answer: RawAnswer): void;
  close(): void;
}

/** Serves a panel at a socket: Describe and Watch as they should be, Attach with raw bytes. */
export async function startHostilePanel(socketPath: string, panel: string): Promise<HostilePanel> {
  let answer: RawAnswer = () => undefined;
  const sockets = new Set<Socket>();
  const http2 = createHttp2Server();
  http2.on('sessionError', () => undefined);
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    http2.once('session', (session) => {
      session.on('error', () => undefined);
      session.on('stream', (stream, headers) => {
        stream.on('error', () => undefined);
        const path = String(headers[':path']);
        if (!path.endsWith('/Attach')) serveHonestly(stream, path, panel);
        else answer((block, end) => socket.write(headersFrame(stream.id ?? 0, block, end)), stream.id ?? 0);
      });
    });
    http2.emit('connection', socket);
  });
  await new Promise<void>((resolve) => listener.listen(socketPath, resolve));
  return {
    setAnswer: (next) => {
      answer = next;
    },
    close: () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function headersFrame(streamId: number, block: readonly RawHeader[], end: 'end' | undefined): Buffer {
  const flags = flag.endHeaders | (end === undefined ? flag.none : flag.endStream);
  return encodeFrame({ type: frameType.headers, flags, streamId, payload: encodeHeaders(block) });
}

function serveHonestly(stream: ServerHttp2Stream, path: string, panel: string): void {
  stream.resume();
  const instance = 'hostile';
  const about = DescribeResponse.fromPartial({ panel, version: '1', instance, pid: process.pid, checkpointable: true });
  const status = GateStatus.fromPartial({ state: State.SERVING, instance });
  if (path.endsWith('/Describe')) answerWith(stream, DescribeResponse.encode(about).finish(), 'end');
  else if (path.endsWith('/Watch')) answerWith(stream, WatchResponse.encode({ status }).finish());
  else stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
}

function answerWith(stream: ServerHttp2Stream, message: Uint8Array, end?: 'end'): void {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.write(Buffer.concat([prefix, message]));
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (end !== undefined) stream.end();
}
