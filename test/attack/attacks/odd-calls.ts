import { isOver, rest, servicePath, together, whileWelcome, type Attack, type AttackContext } from '../attack.js';
import type { Peer } from '../peer.js';
import {
  blockFrames,
  frame,
  frameType,
  headerBlock,
  headersFrames,
  largestFrameBytes,
  type HeaderPairs,
} from '../wire.js';

const connections = 4;
const perTurn = 25;

interface OddCall {
  readonly name: string;
  readonly what: string;
  readonly headers: (context: AttackContext) => HeaderPairs;
  readonly endStream: boolean;
}

/** Opens such calls, 25 at a time, and waits a little between; what is not answered stays open. */
function oddCalls({ name, what, headers, endStream }: OddCall): Attack {
  let block: Buffer | undefined;
  const turn = async (context: AttackContext, peer: Peer): Promise<void> => {
    const made = (block ??= headerBlock(headers(context)));
    const calls = Array.from({ length: perTurn }, () => blockFrames(peer.nextStream(), made, endStream));
    await Promise.race([peer.write(Buffer.concat(calls)), rest(context, 1000)]);
    context.count('calls', perTurn);
    await rest(context, 5);
  };
  return {
    name,
    what,
    by: 'either',
    enough: { what: 'calls', count: 4 * perTurn },
    run: (context) => together(connections, () => whileWelcome(context, (peer) => turn(context, peer))),
  };
}

const without = (pairs: HeaderPairs, ...names: readonly string[]): HeaderPairs =>
  pairs.filter(([name]) => !names.includes(name));

/** A path that nobody serves. */
export const unknownPath = oddCalls({
  name: 'unknown-path',
  what: 'streams to a path that does not exist, kept open',
  headers: (context) => context.headers('/nobody.v1.Nothing/Here'),
  endStream: false,
});

/** Not gRPC. */
export const getRequests = oddCalls({
  name: 'get',
  what: 'GET requests',
  headers: (context) => [[':method', 'GET'], ...without(context.headers('/'), ':method', 'content-type', 'te')],
  endStream: true,
});

/** Wants a tunnel. */
export const connectRequests = oddCalls({
  name: 'connect',
  what: 'CONNECT requests, kept open',
  headers: () => [
    [':method', 'CONNECT'],
    [':authority', 'localhost:1'],
  ],
  endStream: false,
});

/** Many small headers. */
export const manyHeaders = oddCalls({
  name: 'many-headers',
  what: '2,000 small headers a call',
  headers: (context) =>
    context.headers(
      servicePath.listPanels,
      Array.from({ length: 2000 }, (_, at) => [`x-${at}`, 'y'] as const),
    ),
  endStream: false,
});

/** A path as long as a frame. */
export const hugePath = oddCalls({
  name: 'huge-path',
  what: 'paths of 16 KB',
  headers: (context) => context.headers(`/${'p'.repeat(16_000)}`),
  endStream: false,
});

/** Headers that are passed on for tracing. */
export const tracingHeaders = oddCalls({
  name: 'tracing-headers',
  what: 'traceparent, tracestate and baggage of 16 KB each',
  headers: (context) =>
    context.headers(
      servicePath.healthWatch,
      ['traceparent', 'tracestate', 'baggage'].map((name) => [name, 't'.repeat(16_000)] as const),
    ),
  endStream: false,
});

/** The body of a unary call that never ends, sent as the windows allow. */
export const endlessUnary: Attack = {
  name: 'endless-unary',
  what: 'a unary call whose message never ends',
  by: 'either',
  run: (context) =>
    together(connections, () =>
      whileWelcome(context, async (peer) => {
        const stream = peer.nextStream();
        const room = new Map([
          [0, 65_535],
          [stream, 65_535],
        ]);
        const state = { ended: false };
        peer.onFrame = (arrived) => {
          const { type, payload } = arrived;
          const before = room.get(arrived.stream);
          if (type === frameType.windowUpdate && before !== undefined) {
            room.set(arrived.stream, before + payload.readUInt32BE());
          }
          state.ended ||= type === frameType.resetStream && arrived.stream === stream;
        };
        const head = headersFrames(stream, context.headers(servicePath.listPanels), false);
        // A message of 4 GiB, nearly.
        for (const [of, bytes] of room) room.set(of, bytes - 5);
        const prefix = frame({ type: frameType.data, flags: 0, stream }, Buffer.from('00fffffff0', 'hex'));
        await peer.write(Buffer.concat([head, prefix]));
        context.count('calls');
        while (peer.isWelcome() && !state.ended && !isOver(context)) {
          if (Math.min(...room.values()) < largestFrameBytes) {
            await rest(context, 5);
            continue;
          }
          for (const [of, bytes] of room) room.set(of, bytes - largestFrameBytes);
          await peer.write(frame({ type: frameType.data, flags: 0, stream }, Buffer.alloc(largestFrameBytes)));
          context.count('bytes', largestFrameBytes);
        }
      }),
    ),
};
