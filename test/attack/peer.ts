import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createFrameReader, type ArrivedFrame } from './frame-reader.js';
import { frame, frameFlag, frameType, preface, settingsFrame, uint32 } from './wire.js';

/** The agent that is attacked: one of this machine, by a loopback address. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** A connection that says what it likes. */
export interface Peer {
  readonly socket: Socket;
  isOpen(): boolean;
  /** False once the peer has said GOAWAY or the connection has ended. */
  isWelcome(): boolean;
  /** Writes, and resolves when there is room for more or the connection has ended. */
  write(bytes: Buffer): Promise<void>;
  /** Resolves when the agent has read everything that was written, as far as its answer to a PING says. */
  untilRead(): Promise<void>;
  /** A new stream's number. */
  nextStream(): number;
  /** Told of each frame that arrives. */
  onFrame: (frame: ArrivedFrame) => void;
  readonly closed: Promise<void>;
  destroy(): void;
}

/** Where a program of this kind may go. @throws for every other host. */
function requireLoopback(host: string): void {
  if (!/^127(\.\d{1,3}){3}$/.test(host)) throw new Error(`Only agents of this machine are attacked, not ${host}.`);
}

/** A bare socket, connected; undefined when nobody accepts within the limit. */
export async function openSocket(target: Target, limitMs = 3000): Promise<Socket | undefined> {
  requireLoopback(target.host);
  const { host, port } = target;
  const socket = target.tls
    ? connectTls({ host, port, ALPNProtocols: ['h2'], rejectUnauthorized: false })
    : connectTcp({ host, port });
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  const ready = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    const settle = (is: boolean) => (): void => {
      clearTimeout(timer);
      resolve(is);
    };
    socket.once(target.tls ? 'secureConnect' : 'connect', settle(true));
    socket.once('close', settle(false));
  });
  if (ready) return socket;
  socket.destroy();
  return undefined;
}

/** How a peer behaves by itself. */
export interface PeerOptions {
  /** Settings that it sends. @default none */
  readonly settings?: readonly (readonly [number, number])[];
  /** Reads, acknowledges and gives windows back. @default true */
  readonly reads?: boolean;
}

/** Connects and says the preface; undefined when nobody accepts. */
export async function openPeer(target: Target, options: PeerOptions = {}): Promise<Peer | undefined> {
  const socket = await openSocket(target);
  if (socket === undefined) return undefined;
  let lastStream = -1;
  let welcome = true;
  const isOpen = (): boolean => !socket.destroyed && socket.writable;
  const waiting: (() => void)[] = [];
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const peer: Peer = {
    socket,
    isOpen,
    isWelcome: () => welcome && isOpen(),
    write: async (bytes) => {
      if (!isOpen()) return;
      if (!socket.write(bytes)) {
        await Promise.race([new Promise<void>((resolve) => socket.once('drain', () => resolve())), closed]);
      }
    },
    untilRead: async () => {
      const read = new Promise<void>((resolve) => waiting.push(resolve));
      await peer.write(frame({ type: frameType.ping, flags: frameFlag.none, stream: 0 }, Buffer.alloc(8)));
      await Promise.race([read, closed]);
    },
    nextStream: () => (lastStream += 2),
    onFrame: () => undefined,
    closed,
    destroy: () => socket.destroy(),
  };
  const take = (arrived: ArrivedFrame): void => {
    if (arrived.type === frameType.goAway) welcome = false;
    if (arrived.type === frameType.ping && (arrived.flags & frameFlag.ack) !== 0) waiting.shift()?.();
    const answer = answerTo(arrived);
    if (answer !== undefined && isOpen()) socket.write(answer);
    peer.onFrame(arrived);
  };
  if (options.reads === false) socket.pause();
  else socket.on('data', createFrameReader(take));
  socket.write(Buffer.concat([preface, settingsFrame(options.settings)]));
  return peer;
}

// What keeps a connection alive: acknowledgements, and the windows of what was read.
function answerTo({ type, flags, stream, payload }: ArrivedFrame): Buffer | undefined {
  const isAck = (flags & frameFlag.ack) !== 0;
  if (type === frameType.settings && !isAck) {
    return frame({ type: frameType.settings, flags: frameFlag.ack, stream: 0 });
  }
  if (type === frameType.ping && !isAck) return frame({ type, flags: frameFlag.ack, stream: 0 }, payload);
  if (type !== frameType.data || payload.length === 0) return undefined;
  const step = uint32(payload.length);
  const update = { type: frameType.windowUpdate, flags: 0 };
  return Buffer.concat([frame({ ...update, stream: 0 }, step), frame({ ...update, stream }, step)]);
}
