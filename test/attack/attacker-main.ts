/**
 * One attacker, in a process of its own, so that its work does not stall the honest session beside it. Its argument is
 * an {@link AttackerOrder}; it tells what it has done, and ends when told to or when nobody listens any more.
 */
import { setMaxListeners } from 'node:events';
import { rest, type AttackContext } from './attack.js';
import { attackNamed } from './attacks.js';
import type { AttackerOrder } from './attacker.js';
import { callHeaders } from './call-headers.js';
import { openPeer } from './peer.js';

const order = JSON.parse(process.argv[2] ?? '{}') as AttackerOrder;
const ended = new AbortController();
setMaxListeners(0, ended.signal);
const counts: Record<string, number> = {};
const tell = (): void => void process.send?.(counts);
const leave = (): void => {
  ended.abort();
  tell();
  // What it holds is cut, as when a process is killed.
  setTimeout(() => process.exit(0), 20);
};
process.once('message', leave);
process.once('disconnect', () => process.exit(0));
// An attacker whose connection is cut in the middle of something goes on.
process.on('uncaughtException', (error) => {
  counts[`error: ${error.message}`] = (counts[`error: ${error.message}`] ?? 0) + 1;
});

const context: AttackContext = {
  target: order.target,
  token: order.token,
  maxConnections: order.maxConnections,
  signal: ended.signal,
  over: new Promise((resolve) => ended.signal.addEventListener('abort', () => resolve())),
  count: (what, by = 1) => {
    counts[what] = (counts[what] ?? 0) + by;
  },
  connect: async (options) => {
    for (;;) {
      const peer = await openPeer(order.target, options);
      if (peer !== undefined && !ended.signal.aborted) return peer;
      peer?.destroy();
      if (ended.signal.aborted) return undefined;
      await rest(context, 5);
    }
  },
  headers: (path, more) => callHeaders({ tls: order.target.tls, token: order.token }, path, more),
};
setInterval(tell, 100);
await attackNamed(order.attack).run(context);
