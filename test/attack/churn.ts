import { randomUUID } from 'node:crypto';
import { servicePath } from './attack.js';
import { callHeaders } from './call-headers.js';
import { helloMessage } from './hello.js';
import { openPeer, type Peer, type Target } from './peer.js';
import { followStreams, type Streams } from './streams.js';
import { frame, frameFlag, frameType, headersFrames, messageFrame, resetFrame } from './wire.js';

/** Many short calls of one client. */
export interface ChurnOptions {
  readonly target: Target;
  readonly token: string;
  readonly count: number;
  /** Under way at once on one connection. @default 8, as many as a stranger may have */
  readonly atOnce?: number;
  /** Ids of the sessions that are attached to in turn; each is kept by the worker for a while. @default 16 new ones */
  readonly sessions?: readonly string[];
}

/**
 * Ways in which an attachment is over: the client cancels before anybody has answered, the agent refuses it, or the
 * client leaves as it should.
 */
export type AttachEnd = 'cancelled' | 'refused' | 'left';

const noHello = Buffer.from('no Hello');

/** Ids for some sessions. */
export function newSessions(count = 16): readonly string[] {
  return Array.from({ length: count }, () => randomUUID());
}

/** Attaches as often as asked, ended in these ways in turn, over connections that are made again when they end. */
export function churnAttaches(options: ChurnOptions, ends: readonly AttachEnd[]): Promise<void> {
  const hellos = (options.sessions ?? newSessions()).map((id) => helloMessage(id));
  const { target, token } = options;
  const headers = callHeaders({ tls: target.tls, token }, servicePath.attach);
  return churn(options, async ({ peer, streams }, index) => {
    const hello = hellos[index % hellos.length] ?? Buffer.alloc(0);
    const how = ends[index % ends.length];
    // A first message that is no Hello is refused.
    const message = how === 'refused' ? noHello : hello;
    const begin = (stream: number): Buffer =>
      Buffer.concat([headersFrames(stream, headers, false), messageFrame(stream, message)]);
    const leave = (stream: number): Buffer => frame({ type: frameType.data, flags: frameFlag.endStream, stream });
    if (how !== 'cancelled') await streams.open(begin, leave);
    else {
      const stream = peer.nextStream();
      await peer.write(begin(stream));
      await peer.untilRead();
      await peer.write(resetFrame(stream));
    }
  });
}

/** Calls ListPanels as often as asked. @returns how many were answered */
export async function churnCalls(options: ChurnOptions): Promise<number> {
  const { target, token } = options;
  const headers = callHeaders({ tls: target.tls, token }, servicePath.listPanels);
  let answered = 0;
  await churn(options, async ({ streams }) => {
    const begin = (stream: number): Buffer =>
      Buffer.concat([headersFrames(stream, headers, false), messageFrame(stream, Buffer.alloc(0), true)]);
    if (await streams.open(begin)) answered++;
  });
  return answered;
}

interface Connection {
  readonly peer: Peer;
  readonly streams: Streams;
}

async function churn(
  { target, count, atOnce = 8 }: ChurnOptions,
  once: (connection: Connection, index: number) => Promise<void>,
): Promise<void> {
  let index = 0;
  while (index < count) {
    const peer = await openPeer(target);
    if (peer === undefined) throw new Error('The agent does not accept connections.');
    const connection = { peer, streams: followStreams(peer) };
    const lane = async (): Promise<void> => {
      while (peer.isWelcome() && index < count) await once(connection, index++);
    };
    // A stranger may have fewer at once: the first call alone says who calls.
    if (index < count) await once(connection, index++);
    await Promise.all(Array.from({ length: atOnce }, lane));
    peer.destroy();
  }
}
