import { servicePath, together, whileWelcome, type Attack } from '../attack.js';
import { headersFrames, messageFrame, resetFrame } from '../wire.js';

const connections = 4;
const perTurn = 20;
// Three times what a server on Node's HTTP/2 forgives at once.
const count = 3000;

function callAndCancel(name: string, path: string, by: Attack['by']): Attack {
  return {
    name,
    what: `calls ${path.slice(path.lastIndexOf('/') + 1)} and cancels`,
    by,
    enough: { what: 'cancelled', count },
    run: (context) =>
      together(connections, () =>
        whileWelcome(context, async (peer) => {
          const streams = Array.from({ length: perTurn }, () => peer.nextStream());
          const calls = streams.flatMap((stream) => [
            headersFrames(stream, context.headers(path), false),
            messageFrame(stream, Buffer.alloc(0)),
          ]);
          await peer.write(Buffer.concat(calls));
          await peer.untilRead();
          await peer.write(Buffer.concat(streams.map((stream) => resetFrame(stream))));
          context.count('cancelled', perTurn);
        }),
      ),
  };
}

/** Towards the agent's own services, which share one connection. */
export const listAndCancel = callAndCancel('list-and-cancel', servicePath.listPanels, 'client');
/** A stream that stays open, without a token. */
export const watchAndCancel = callAndCancel('health-and-cancel', servicePath.healthWatch, 'either');
