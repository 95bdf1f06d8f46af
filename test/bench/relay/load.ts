import { once } from 'node:events';
import { Channel, Frames } from '#proto/session/v1/session.js';
import { createRawClient, helloBytes, statusOfCall, type RawStream } from '#test/support/agent/raw-session.js';
import { benchPanel } from './ends.js';

const batch = 50;

/** A stream that is attached: its Hello came back. */
export interface OpenStream {
  readonly stream: RawStream;
  close(): Promise<void>;
}

/** Opens `count` streams over `connections` connections. */
export async function openStreams(address: string, count: number, connections = 1): Promise<readonly OpenStream[]> {
  const clients = Array.from({ length: connections }, () => createRawClient(address));
  let open = count;
  const openOne = async (index: number): Promise<OpenStream> => {
    const client = clients[index % connections];
    if (client === undefined) throw new Error('no connection');
    const stream = client.open();
    stream.on('error', () => undefined);
    const answered = once(stream, 'data');
    stream.write(helloBytes(benchPanel));
    await answered;
    const close = async (): Promise<void> => {
      const ended = statusOfCall(stream);
      stream.cancel();
      await ended;
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

/** Round trips one at a time, for `durationMs`; their times in microseconds, sorted. */
export async function measureLatency(
  address: string,
  sizeBytes: number,
  durationMs: number,
): Promise<readonly number[]> {
  const [opened] = await openStreams(address, 1);
  if (opened === undefined) throw new Error('no stream');
  const { stream } = opened;
  const message = Buffer.alloc(sizeBytes, 1);
  const times: number[] = [];
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let sentAt = 0;
    const send = (): void => {
      sentAt = performance.now();
      stream.write(message);
    };
    stream.on('data', () => {
      const now = performance.now();
      times.push((now - sentAt) * 1000);
      if (now - start > durationMs) resolve();
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

/** Messages that came back in `durationMs`, and how long that took. */
export async function measureThroughput(
  address: string,
  message: Buffer,
  { streams, window }: Shape,
  durationMs: number,
): Promise<{ readonly messages: number; readonly seconds: number }> {
  const opened = await openStreams(address, streams);
  let messages = 0;
  let running = true;
  const start = performance.now();
  for (const { stream } of opened) {
    stream.on('data', () => {
      messages++;
      if (running) stream.write(message);
    });
    for (let index = 0; index < window; index++) stream.write(message);
  }
  await new Promise((resolve) => setTimeout(resolve, durationMs));
  running = false;
  const seconds = (performance.now() - start) / 1000;
  const counted = messages;
  await Promise.all(opened.map((each) => each.close()));
  return { messages: counted, seconds };
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
