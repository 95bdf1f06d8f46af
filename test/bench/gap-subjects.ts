import { Client, credentials, Metadata, type ChannelOptions, type ClientDuplexStream } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import type { PaneletSession } from '#client/sdk.js';
import { plainEcho } from './plain-echo.js';
import { createSilenceMeter, everyMs, type SilenceMeter } from './silence.js';

/** Time between two messages of a stream that is measured, in milliseconds. */
const measuredMs = 5;
const messageBytes = 32;

/** One stream under measurement: it sends a small message every 5 ms and hears it back. */
export interface GapSubject {
  readonly meter: SilenceMeter;
  /** Sends nothing until `resume`, and hears what is on its way. */
  pause(): void;
  /** Sends again, the first time after `afterMs` milliseconds. @default the time between two messages */
  resume(afterMs?: number): void;
  /** Stops sending, waits for what is on its way, and ends the stream. @returns messages that never came back. */
  finish(): Promise<number>;
}

/** A Panelet session on the panel `echo`; `periodMs` is the time between two messages. */
export function panelSubject(session: PaneletSession, clock: Clock, periodMs = measuredMs): GapSubject {
  const meter = createSilenceMeter(clock);
  const done = createLatch();
  let sentBytes = 0;
  let heardBytes = 0;
  let finishing = false;
  const beat = pausableBeat(clock, periodMs, () => {
    sentBytes += messageBytes;
    session.write(Buffer.alloc(messageBytes)).catch(() => undefined);
  });
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind !== 'data') continue;
      heardBytes += item.payload.length;
      meter.heard();
      if (finishing && heardBytes >= sentBytes) done.resolve();
    }
    done.resolve();
  };
  read().catch(() => done.resolve());
  return {
    ...{ meter, pause: beat.pause, resume: beat.resume },
    finish: async () => {
      beat.pause();
      finishing = true;
      if (heardBytes >= sentBytes) done.resolve();
      await done.promise;
      await session.terminate();
      return (sentBytes - heardBytes) / messageBytes;
    },
  };
}

/** How a plain stream is driven. */
export interface PlainSubjectOptions {
  readonly clock: Clock;
  readonly channel: ChannelOptions;
  /** Time between two messages, in milliseconds. @default 5 */
  readonly periodMs?: number;
}

/** A plain gRPC stream whose client calls again when it breaks. */
export function plainSubject(address: string, { clock, channel, periodMs }: PlainSubjectOptions): GapSubject {
  const client = new Client(address, credentials.createInsecure(), {
    ...channel,
    'grpc.use_local_subchannel_pool': 1,
  });
  const meter = createSilenceMeter(clock);
  let sent = 0;
  let heard = 0;
  let stopped = false;
  let call: ClientDuplexStream<Buffer, Buffer> | undefined;
  const connect = (): void => {
    if (stopped) return;
    const { path, requestSerialize, responseDeserialize } = plainEcho.echo;
    const metadata = new Metadata({ waitForReady: true });
    const fresh = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    call = fresh;
    fresh.on('data', () => {
      heard += 1;
      meter.heard();
    });
    fresh.on('error', () => undefined);
    fresh.on('status', connect);
  };
  connect();
  const beat = pausableBeat(clock, periodMs ?? measuredMs, () => {
    sent += 1;
    call?.write(Buffer.alloc(messageBytes));
  });
  return {
    ...{ meter, pause: beat.pause, resume: beat.resume },
    finish: () => {
      beat.pause();
      stopped = true;
      const ended = createLatch<number>();
      call?.once('end', () => {
        client.close();
        ended.resolve(sent - heard);
      });
      call?.end();
      return ended.promise;
    },
  };
}

function pausableBeat(clock: Clock, periodMs: number, beat: () => void): Pick<GapSubject, 'pause' | 'resume'> {
  let timer: Timer | undefined = everyMs(clock, periodMs, beat);
  return {
    pause: () => {
      timer?.stop();
      timer = undefined;
    },
    resume: (afterMs = periodMs) => {
      timer ??= clock.after(afterMs, () => {
        timer = everyMs(clock, periodMs, beat);
      });
    },
  };
}
