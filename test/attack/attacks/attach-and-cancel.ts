import { randomUUID } from 'node:crypto';
import { rest, servicePath, together, whileWelcome, type Attack, type AttackContext } from '../attack.js';
import { helloMessage } from '../hello.js';
import type { Peer } from '../peer.js';
import { frameFlag, frameType, headersFrames, messageFrame, resetFrame } from '../wire.js';

// More and fewer than a stranger's 8 streams; each slot has a session of its own and attaches to it again and again.
const slots = 16;

/** Keeps some attachments of a connection coming, and cancels each as soon as the worker has answered. */
async function churn(context: AttackContext, peer: Peer, hellos: readonly Buffer[]): Promise<void> {
  const slotOf = new Map<number, number>();
  const attach = (slot: number): void => {
    const stream = peer.nextStream();
    slotOf.set(stream, slot);
    const headers = headersFrames(stream, context.headers(servicePath.attach), false);
    void peer.write(Buffer.concat([headers, messageFrame(stream, hellos[slot] ?? Buffer.alloc(0))]));
    context.count('attaches');
  };
  peer.onFrame = ({ type, flags, stream }) => {
    const slot = slotOf.get(stream);
    const isRefused = type === frameType.headers && (flags & frameFlag.endStream) !== 0;
    if (slot === undefined || (type !== frameType.data && type !== frameType.resetStream && !isRefused)) return;
    slotOf.delete(stream);
    if (type === frameType.data) void peer.write(resetFrame(stream));
    context.count(type === frameType.data ? 'cancelled' : 'refused');
    if (peer.isWelcome() && !context.signal.aborted) setImmediate(attach, slot);
    else peer.destroy();
  };
  for (let slot = 0; slot < hellos.length; slot++) attach(slot);
  await Promise.race([peer.closed, rest(context, 1000)]);
}

function attachAndCancel(name: string, connections: number): Attack {
  return {
    name,
    what: `attaches and cancels as fast as it goes, ${connections} connection${connections === 1 ? '' : 's'}`,
    by: 'client',
    run: (context) => {
      const of = slots / connections;
      return together(connections, async () => {
        const hellos = Array.from({ length: of }, () => helloMessage(randomUUID()));
        await whileWelcome(context, (peer) => churn(context, peer, hellos));
      });
    },
  };
}

/** On one connection, that is made again whenever it is ended. */
export const attachAndCancelOnOne = attachAndCancel('attach-and-cancel', 1);
/** On several at once. */
export const attachAndCancelOnMany = attachAndCancel('attach-and-cancel-on-many', 8);
