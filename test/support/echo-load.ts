import { createHash } from 'node:crypto';
import { sleep, type Clock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { createSeededRandom } from '#common/random.js';
import type { PaneletSession } from '#client/sdk.js';
import { createRecordCodec, createRecordReceiver, recordBytes, type StreamVerdict } from './record-stream.js';
import { messageOf } from '#common/errors/errors.js';

/** How an echo session is driven. */
export interface EchoLoadOptions {
  readonly session: PaneletSession;
  /** Decides every byte and where writes are cut. */
  readonly seed: number;
  readonly clock: Clock;
  /** Largest write. @default 32 KiB */
  readonly largestWriteBytes?: number;
  /** Longest pause between two writes; 0 for full speed. @default 0 */
  readonly longestPauseMs?: number;
  /** Bytes of the same seed's stream that the panel has had, and that have come back, before this load. @default none */
  readonly goesOnAt?: number;
}

/** What became of an echo session, by three independent counts: what was sent, what the panel hashed, what came back. */
export interface EchoVerdict extends StreamVerdict {
  readonly sentBytes: number;
  readonly sentSha256: string;
  /** The panel's own count and hash of its input. */
  readonly panelBytes: number;
  readonly panelSha256: string;
  /** Times without an attachment, in milliseconds. */
  readonly gapsMs: readonly number[];
  /** Longest time without output while input was being written, in milliseconds. */
  readonly longestSilenceMs: number;
  readonly resumes: number;
  /** Times that it changed its way, and was attached all the time. */
  readonly moves: number;
  /** What a user of the client would have seen go wrong. */
  readonly errors: readonly string[];
}

/** An echo session under load. */
export interface EchoLoad {
  readonly session: PaneletSession;
  /** Bytes that came back so far. */
  receivedBytes(): number;
  /** Stops writing and leaves all else as it is, as for a client that has died. @returns bytes that were written, at most */
  abandon(): number;
  /** Stops writing, waits for every byte to come back and for the panel's own digest, and ends the session. */
  finish(limitMs: number): Promise<EchoVerdict>;
}

interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

const noDigest: Digest = { bytes: -1, sha256: 'the panel did not answer' };

async function within<T>(clock: Clock, limitMs: number, promise: Promise<T>): Promise<T | undefined> {
  const late = new AbortController();
  const timer = sleep(clock, limitMs, late.signal).then(
    () => undefined,
    () => undefined,
  );
  const result = await Promise.race([promise, timer]);
  late.abort(new Error('not needed any more'));
  return result;
}

/** Starts writing and reading at once. */
export function startEchoLoad(options: EchoLoadOptions): EchoLoad {
  const { session, clock, seed } = options;
  const random = createSeededRandom(seed ^ 0x5bd1e995);
  const codec = createRecordCodec(seed);
  const receiver = createRecordReceiver(codec);
  const sentHash = createHash('sha256');
  const errors: string[] = [];
  const digest = createLatch<Digest>();
  const caughtUp = createLatch();
  const stopping = new AbortController();
  let sentBytes = options.goesOnAt ?? 0;
  let finished = false;
  let lastItemMs = clock.nowMs();
  let longestSilenceMs = 0;

  if (sentBytes > 0) {
    const before = codec.bytes(0, sentBytes);
    sentHash.update(before);
    receiver.take(before);
  }
  const fail = (where: string, error: unknown): void => {
    errors.push(`${where}: ${messageOf(error)}`);
    caughtUp.resolve();
    digest.resolve(noDigest);
  };
  session.on('lost', (loss) => fail('lost', JSON.stringify(loss)));
  session.on('superseded', () => fail('superseded', 'somebody else took the session over'));

  const noteItem = (): void => {
    const nowMs = clock.nowMs();
    if (!stopping.signal.aborted) longestSilenceMs = Math.max(longestSilenceMs, nowMs - lastItemMs);
    lastItemMs = nowMs;
  };
  const checkCaughtUp = (): void => {
    if (finished && receiver.bytes >= sentBytes) caughtUp.resolve();
  };
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind === 'data') {
        noteItem();
        receiver.take(item.payload);
        checkCaughtUp();
      } else if (item.kind === 'event' && item.name === 'digest') {
        digest.resolve(JSON.parse(Buffer.from(item.payload).toString('utf8')) as Digest);
      }
    }
  };
  const put = async (size: number): Promise<void> => {
    const bytes = codec.bytes(sentBytes, size);
    sentBytes += size;
    sentHash.update(bytes);
    await session.write(bytes);
  };
  const pause = async (): Promise<void> => {
    const longest = options.longestPauseMs ?? 0;
    // Even at full speed, other sessions of this process get their turn.
    if (longest === 0) await new Promise((resolve) => setImmediate(resolve));
    else await sleep(clock, random.number() * longest, stopping.signal).catch(() => undefined);
  };
  const write = async (): Promise<void> => {
    const largest = options.largestWriteBytes ?? 32 * 1024;
    while (!stopping.signal.aborted && errors.length === 0) {
      await put(1 + Math.floor(random.number() * largest));
      await pause();
    }
    const rest = sentBytes % recordBytes;
    if (rest > 0 && errors.length === 0) await put(recordBytes - rest);
    finished = true;
    checkCaughtUp();
  };

  const reading = read().catch((error: unknown) => fail('read', error));
  const writing = write().catch((error: unknown) => fail('write', error));

  const collect = async (limitMs: number): Promise<Digest> => {
    const all = await within(
      clock,
      limitMs,
      writing.then(() => caughtUp.promise).then(() => true),
    );
    if (all === undefined) {
      errors.push(
        `waited ${limitMs} ms for the rest: ${receiver.bytes} of ${sentBytes} bytes came back, ${session.phase}`,
      );
      return noDigest;
    }
    if (errors.length > 0) return noDigest;
    await session.send('digest', new Uint8Array());
    const answer = await within(clock, limitMs, digest.promise);
    if (answer === undefined) errors.push('the panel did not give its digest');
    return answer ?? noDigest;
  };

  return {
    session,
    receivedBytes: () => receiver.bytes,
    abandon: () => {
      stopping.abort(new Error('abandoned'));
      return sentBytes;
    },
    finish: async (limitMs) => {
      stopping.abort(new Error('enough'));
      const panel = await collect(limitMs).catch((error: unknown) => {
        fail('digest', error);
        return noDigest;
      });
      const { gapsMs, resumes, moves } = session.stats();
      await session.terminate().catch((error: unknown) => errors.push(`close: ${String(error)}`));
      await within(clock, limitMs, reading);
      return {
        ...receiver.verdict(sentBytes),
        sentBytes,
        sentSha256: sentHash.digest('hex'),
        panelBytes: panel.bytes,
        panelSha256: panel.sha256,
        gapsMs: [...gapsMs],
        longestSilenceMs,
        resumes,
        moves,
        errors,
      };
    },
  };
}

/** True when the three counts agree and nothing was lost, repeated or out of order. */
export function isFlawless(verdict: EchoVerdict): boolean {
  return (
    verdict.errors.length === 0 &&
    verdict.sentSha256 === verdict.sha256 &&
    verdict.sentSha256 === verdict.panelSha256 &&
    verdict.sentBytes === verdict.panelBytes &&
    verdict.lost + verdict.duplicated + verdict.reordered + verdict.corrupt === 0
  );
}
