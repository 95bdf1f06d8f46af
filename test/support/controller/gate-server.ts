import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';

import { GateServiceService, GateStatus, type State, type DrainResponse } from '#proto/gate/v1/gate.js';

/** Certificates of a gate, PEM. */
export interface GateServerCertificates {
  /** Authorities whose clients are let in; a client certificate is needed. */
  readonly trust: string;
  readonly cert: string;
  readonly key: string;
}

/** A gate over TLS that answers everything and remembers who asked. */
export interface GateServer {
  readonly port: number;
  /** Subject and serial number of every client that asked for the status, and its authorization. */
  readonly clients: { readonly subject: string; readonly serial: string; readonly authorization: string }[];
  /** Drains that are heard now. */
  readonly drains: Set<ServerWritableStream<unknown, DrainResponse>>;
  /** Tells a state to everybody who hears a drain. */
  tell(state: State): void;
  /** Connections that are open now. */
  connections(): number;
  close(): void;
}

/** Starts a gate on a free port of this machine. */
export async function startGateServer({ trust, cert, key }: GateServerCertificates): Promise<GateServer> {
  const clients: GateServer['clients'] = [];
  const drains: GateServer['drains'] = new Set();
  const status = GateStatus.decode(Buffer.alloc(0));
  const server = new Server();
  server.addService(GateServiceService, {
    status: (call: ServerUnaryCall<unknown, unknown>, callback: (error: null, answer: unknown) => void) => {
      const peer = call.getAuthContext().sslPeerCertificate;
      const subject = [peer?.subject.O, peer?.subject.CN].join('/');
      const authorization = String(call.metadata.get('authorization')[0] ?? '');
      clients.push({ subject, serial: peer?.serialNumber ?? '', authorization });
      callback(null, { status });
    },
    drain: (call: ServerWritableStream<unknown, DrainResponse>) => {
      drains.add(call);
      call.on('close', () => drains.delete(call));
    },
  });
  const pair = [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }];
  const credentials = ServerCredentials.createSsl(Buffer.from(trust), pair, true);
  const behind = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  const sockets = new Set<Socket>();
  const front = createServer((socket) => {
    const inner = connect(behind, '127.0.0.1');
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      inner.destroy();
    });
    inner.on('close', () => socket.destroy());
    for (const end of [socket, inner]) end.on('error', () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return {
    port: (front.address() as AddressInfo).port,
    clients,
    drains,
    tell: (state) => {
      for (const call of drains) call.write({ status: { ...status, state }, receipt: undefined });
    },
    connections: () => sockets.size,
    close: () => {
      front.close();
      for (const socket of sockets) socket.destroy();
      server.forceShutdown();
    },
  };
}
