import { connect, createServer, type AddressInfo, type NetConnectOpts, type Server, type Socket } from 'node:net';

/** A way in that can be cut off at once, as SIGKILL does to a process, and opened again at the same place. */
export interface Passage {
  /** Its port; 0 where it is a socket in the file system. */
  readonly port: number;
  /** Ends every connection at once, and listens no more. */
  block(): Promise<void>;
  /** Listens, at the same place as before. */
  open(): Promise<void>;
}

/** A passage from `place`, a port of 127.0.0.1 (0: a free one) or the path of a socket, to wherever `target` says; open. */
export async function startPassage(place: number | string, target: () => NetConnectOpts): Promise<Passage> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  };
  const pass = (near: Socket): void => {
    const far = connect(target());
    for (const socket of [near, far]) keep(socket);
    near.pipe(far).pipe(near);
    // What is under way still arrives.
    near.once('close', () => far.destroySoon());
    far.once('close', () => near.destroySoon());
  };
  let port = typeof place === 'number' ? place : 0;
  let server: Server;
  const open = async (): Promise<void> => {
    server = createServer({ noDelay: true }, pass);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if (typeof place === 'string') server.listen(place, resolve);
      else server.listen(port, '127.0.0.1', resolve);
    });
    if (typeof place === 'number') ({ port } = server.address() as AddressInfo);
  };
  await open();
  return {
    get port() {
      return port;
    },
    open,
    block: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
