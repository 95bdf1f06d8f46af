import { once } from 'node:events';
import { sleep, type Clock } from '#common/time/clock.js';
import { Channel, Frames } from '#proto/session/v1/session.js';
import { createRawClient, helloBytes, statusOfCall, type RawStream } from '#test/support/agent/raw-session.js';
import { callerToken } from './agent-peer.js';
import { benchPanel } from './ends.js';
import type { Peer } from './peers.js';
import { tlsHost } from './tls-files.js';

const batch = 50;
const closeMs = 3_000;
// Nothing comes back for so long: nothing ever will.
const stallMs = 4_000;
const pollMs = 20;

/** A stream that is attached: its Hello came back. */
export interface OpenStream {
  readonly stream: RawStream;
  close(): Promise<void>;
}

/** Who opens streams, and what they are for. */
export interface OpenOptions {
  /** @default 1 */
  readonly connections?: number;
  /** Callers in turn, one for each connection. @default the first */
  readonly callers?: readonly number[];
  /** Of the Hello. */
  readonly parameters?: Record<string, string>;
}

/** What is measured with, and where. */
export interface LoadOptions {
  readonly clock: Clock;
  readonly peer: Pick<Peer, 'address' | 'credentials'>;
  readonly durationMs: number;
}

/** Opens `count` streams, spread evenly over connections. */
export async function openStreams(
  { clock, peer }: Pick<LoadOptions, 'clock' | 'peer'>,
  count: number,
  { connections = 1, callers = [0], parameters = {} }: OpenOptions = {},
): Promise<readonly OpenStream[]> {
  const { address, credentials } = peer;
  const clients = Array.from({ length: connections }, (_, index) => {
    const token = callerToken(callers[index % callers.length] ?? 0);
    const channel = { 'grpc.ssl_target_name_override': tlsHost };
    return createRawClient(address, credentials === undefined ? { token } : { token, credentials, channel });
  });
  let open = count;
  const openOne = async (index: number): Promise<OpenStream> => {
    const client = clients[index % connections];
    if (client === undefined) throw new Error('There is no connection.');
    const stream = client.open();
    stream.on('error', () => undefined);
    const answered = once(stream, 'data');
    stream.write(helloBytes(benchPanel, parameters));
    await answered;
    const close = async (): Promise<void> => {
      await closeStream(stream, clock);
      if (--open === 0) for (const each of clients) each.close();
    };
    return { stream, close };
  };
  const opened: OpenStream[] = [];
  // A proxy with a connection for each stream would overrun the backlog of the worker's socket.
  for (let first = 0; first < count; first += batch) {
    const indices = Array.from({ length: Math.min(batch, count - first) }, (_, offset) => first + offset);
    opened.push(...(await Promise.all(indices.map(openOne))));
  }
  return opened;
}

// As a client that is done: a reset is what one does that gives up, and peers count those against it.
async function closeStream(stream: RawStream, clock: Clock): Promise<void> {
  const ended = statusOfCall(stream);
  const giveUp = clock.after(closeMs, () => stream.cancel());
  stream.end();
  await ended;
  giveUp.stop();
}

/** Round trips one at a time; their times in microseconds, sorted. */
export async function measureLatency(load: LoadOptions, sizeBytes: number): Promise<readonly number[]> {
  const { clock, durationMs } = load;
  const [opened] = await openStreams(load, 1);
  if (opened === undefined) throw new Error('There is no stream.');
  const { stream } = opened;
  const message = Buffer.alloc(sizeBytes, 1);
  const times: number[] = [];
  const startMs = clock.nowMs();
  await new Promise<void>((resolve) => {
    let sentMs = 0;
    const send = (): void => {
      sentMs = clock.nowMs();
      stream.write(message);
    };
    stream.on('data', () => {
      const nowMs = clock.nowMs();
      times.push((nowMs - sentMs) * 1000);
      if (nowMs - startMs > durationMs) resolve();
      else send();
    });
    send();
  });
  await opened.close();
  return times.sort((a, b) => a - b);
}

/** How much is under way. */
export interface Shape {
  readonly streams: number;
  /** Messages in flight on each. */
  readonly window: number;
}

/** How much has moved, and in which time. */
export interface Moved {
  readonly count: number;
  readonly seconds: number;
}

/** Messages that came back; undefined when all stands still for good. */
export async function measureThroughput(
  load: LoadOptions,
  message: Buffer,
  { streams, window }: Shape,
): Promise<Moved | undefined> {
  const opened = await openStreams(load, streams);
  let messages = 0;
  let running = true;
  const measured = watchProgress(load, () => messages);
  for (const { stream } of opened) {
    stream.on('data', () => {
      messages++;
      if (running) stream.write(message);
    });
    for (let index = 0; index < window; index++) stream.write(message);
  }
  const moved = await measured;
  running = false;
  await Promise.all(opened.map((each) => each.close()));
  return moved;
}

/** What a count grows by from now on; undefined when it has stopped growing for good, as when both directions are full. */
export async function watchProgress(
  { clock, durationMs }: Pick<LoadOptions, 'clock' | 'durationMs'>,
  count: () => number,
): Promise<Moved | undefined> {
  const [startMs, first] = [clock.nowMs(), count()];
  await sleep(clock, durationMs / 2);
  const half = count();
  await sleep(clock, durationMs / 2);
  const lateMs = clock.nowMs() + stallMs;
  while (count() === half && clock.nowMs() < lateMs) await sleep(clock, pollMs);
  if (count() === half) return undefined;
  return { count: count() - first, seconds: (clock.nowMs() - startMs) / 1000 };
}

/** One message with many small data frames, as a sender coalesces them. */
export function coalescedMessage(frameCount: number, payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes, 2);
  const frames = Array.from({ length: frameCount }, (_, index) => ({
    seq: index + 1,
    kind: { $case: 'data' as const, value: { channel: Channel.STDIN, payload } },
  }));
  return Buffer.from(Frames.encode(Frames.fromPartial({ ack: 1, credit: 1, frames })).finish());
}
