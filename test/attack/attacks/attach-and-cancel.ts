import { countText } from '#common/count-text.js';
import { randomUUID } from 'node:crypto';
import { servicePath, together, whileWelcome, type Attack, type AttackContext } from '../attack.js';
import { helloMessage } from '../hello.js';
import type { Peer } from '../peer.js';
import { headersFrames, messageFrame, resetFrame } from '../wire.js';

// Each slot has a session of its own and attaches to it again and again: the attacker needs no more than 64 sessions.
const slots = 64;
// Three times what a server on Node's HTTP/2 forgives at once.
const count = 3000;

/** Attaches, and cancels once the agent has read it, so that the worker has seen it too. */
async function turn(context: AttackContext, peer: Peer, hellos: readonly Buffer[]): Promise<void> {
  const streams = hellos.map((hello) => ({ hello, stream: peer.nextStream() }));
  const calls = streams.flatMap(({ hello, stream }) => [
    headersFrames(stream, context.headers(servicePath.attach), false),
    messageFrame(stream, hello),
  ]);
  await peer.write(Buffer.concat(calls));
  await peer.untilRead();
  await peer.write(Buffer.concat(streams.map(({ stream }) => resetFrame(stream))));
  context.count('attaches', streams.length);
}

function attachAndCancel(name: string, connections: number): Attack {
  return {
    name,
    what: `attaches and cancels as fast as it goes, ${countText(connections, 'connection')}`,
    by: 'client',
    enough: { what: 'attaches', count },
    run: (context) =>
      together(connections, async () => {
        const hellos = Array.from({ length: slots / connections }, () => helloMessage(randomUUID()));
        await whileWelcome(context, (peer) => turn(context, peer, hellos));
      }),
  };
}

/** On one connection, that is made again whenever it is ended. */
export const attachAndCancelOnOne = attachAndCancel('attach-and-cancel', 1);
/** On several at once. */
export const attachAndCancelOnMany = attachAndCancel('attach-and-cancel-on-many', 8);
