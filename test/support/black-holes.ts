import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An address of this machine that gives no answer. */
export interface BlackHole {
  readonly address: string;
  /** Connections that were taken so far, of those that can be counted. */
  taken(): number;
  close(): Promise<void>;
}

/** Takes connections and says nothing: the handshakes of TLS and of HTTP/2 are never answered. */
export async function startSilentServer(): Promise<BlackHole> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => sockets.length,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

// Listens, and is stopped before it takes a connection: the kernel takes as many as the backlog holds.
const listener = `
const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  process.stdout.write(server.address().port + '\\n');
});
`;

/** Takes no connection and refuses none: its backlog is full, as what is sent to a pod that has gone is dropped. */
export async function startFullListener(): Promise<BlackHole> {
  const child = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  while (await isTaken(port, fillers));
  return {
    address: `127.0.0.1:${port}`,
    taken: () => 0,
    close: async () => {
      for (const socket of fillers) socket.destroy();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Fills a place of the backlog. @returns false once there is none left */
async function isTaken(port: number, fillers: Socket[]): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  fillers.push(socket);
  const isLate = sleep(300).then(() => false);
  return Promise.race([once(socket, 'connect').then(() => true), isLate]);
}
