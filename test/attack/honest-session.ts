import { createHash, randomBytes } from 'node:crypto';
import type { PaneletClient, PaneletSession } from '#client/sdk.js';
import { createLatch } from '#common/time/latch.js';

/** What became of an honest session. */
export interface HonestVerdict {
  /** What went wrong, in words; empty when every byte came back and the panel counts the same. */
  readonly problems: readonly string[];
}

/** A session that writes a little, waits for all of it to come back, and does so again. */
export interface HonestSession {
  roundTrips(): number;
  /** Longest wait for an answer, also for one that has not come yet, in milliseconds. */
  longestStallMs(): number;
  /** Each loss of its attachment, with the reason. */
  cuts(): readonly string[];
  /** Attachments after the first one. */
  resumes(): number;
  /** Stops, compares what was sent, what the panel hashed and what came back, and ends the session. */
  finish(limitMs: number): Promise<HonestVerdict>;
}

const largestWriteBytes = 2048;
const pauseMs = 4;

/** Resolves with undefined when the promise takes longer. */
export async function within<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Opens a session on the panel `echo` and keeps it going. `restMs` is the pause between two round trips. */
export async function startHonestSession(client: PaneletClient, restMs = pauseMs): Promise<HonestSession> {
  const session = await client.open({ panel: 'echo' });
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const digest = createLatch<{ readonly bytes: number; readonly sha256: string }>();
  const cuts: string[] = [];
  const problems: string[] = [];
  const count = { sent: 0, received: 0, roundTrips: 0, longestMs: 0 };
  let waitsSinceMs: number | undefined;
  let arrived = createLatch();
  let isGoing = true;

  session.on('reattaching', ({ error, attempt }) => {
    if (attempt === 1 || cuts.length === 0) cuts.push(error?.message ?? 'the stream ended');
  });
  session.on('lost', () => problems.push('frames were lost'));
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind === 'data') {
        received.update(item.payload);
        count.received += item.payload.length;
        if (count.received >= count.sent) arrived.resolve();
      } else if (item.kind === 'event' && item.name === 'digest') {
        digest.resolve(JSON.parse(Buffer.from(item.payload).toString('utf8')) as { bytes: number; sha256: string });
      }
    }
  };
  const turn = async (): Promise<void> => {
    const bytes = randomBytes(1 + ((count.roundTrips * 37) % largestWriteBytes));
    arrived = createLatch();
    count.sent += bytes.length;
    sent.update(bytes);
    const sinceMs = performance.now();
    waitsSinceMs = sinceMs;
    await session.write(bytes);
    await arrived.promise;
    waitsSinceMs = undefined;
    count.longestMs = Math.max(count.longestMs, performance.now() - sinceMs);
    count.roundTrips++;
  };
  const go = async (): Promise<void> => {
    while (isGoing) {
      await turn();
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  };
  const fail = (error: unknown): void => {
    problems.push((error as Error).message);
    arrived.resolve();
  };
  const reading = read().catch(fail);
  const going = go().catch(fail);
  return {
    roundTrips: () => count.roundTrips,
    longestStallMs: () => Math.max(count.longestMs, waitsSinceMs === undefined ? 0 : performance.now() - waitsSinceMs),
    cuts: () => cuts,
    resumes: () => session.stats().resumes,
    finish: async (limitMs) => {
      isGoing = false;
      const done = await within(
        going.then(() => true),
        limitMs,
      );
      if (done === undefined) problems.push(`${count.received} of ${count.sent} bytes came back`);
      else if (problems.length === 0) problems.push(...(await compare(limitMs)));
      await within(
        session.terminate().catch(() => undefined),
        limitMs,
      );
      await within(reading, limitMs);
      return { problems };
    },
  };

  async function compare(limitMs: number): Promise<string[]> {
    await askDigest(session);
    const panel = await within(digest.promise, limitMs);
    const [out, back] = [sent.digest('hex'), received.digest('hex')];
    if (panel === undefined) return ['the panel did not give its digest'];
    const isRight = out === back && out === panel.sha256 && panel.bytes === count.sent;
    return isRight ? [] : ['what was sent, what the panel got and what came back are not the same'];
  }
}

function askDigest(session: PaneletSession): Promise<void> {
  return session.send('digest', new Uint8Array());
}
