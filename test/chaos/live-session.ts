import type { PaneletClient, PaneletSession } from '#client/sdk.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { openShell } from '#test/e2e/support/shell-session.js';
import { startEchoLoad } from '#test/support/echo-load.js';
import type { SessionKind } from './fault-kinds.js';
import type { SessionRecord } from './history.js';
import { judgeEcho, judgeShell, type Judgement } from './outcome.js';
import { tapSession, type SessionTap } from './session-tap.js';
import type { Timeline } from './timeline.js';

/** A session in the middle of a transfer. */
export interface LiveSession {
  readonly kind: SessionKind;
  /** Resolves when something was lost, or the session is over. */
  readonly lost: Promise<void>;
  /** Stops the transfer, waits for what is under way, ends the session and judges it. */
  finish(): Promise<SessionRecord>;
}

/** What a session needs. */
export interface LiveSessionOptions {
  readonly kind: SessionKind;
  readonly id: string;
  readonly node: string;
  readonly client: PaneletClient;
  readonly seed: number;
  readonly clock: Clock;
  readonly timeline: Timeline;
}

// Longer than anything is broken, and its crash back-off after that.
const finishLimitMs = 240_000;
const lostLimitMs = 2_000;
const giveUpMs = 300_000;

interface Judged extends Judgement {
  readonly bytes: number;
}

/** A promise's value, or undefined when it takes too long. */
async function within<T>(clock: Clock, limitMs: number, promise: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  const late = sleep(clock, limitMs, over.signal).then(
    () => undefined,
    () => undefined,
  );
  return Promise.race([promise, late]).finally(() => over.abort(new Error('not needed')));
}

/** Ends a session whose content is lost anyway, whoever can be reached. */
async function abandon(session: PaneletSession): Promise<void> {
  await session.terminate().catch(() => session.detach());
}

async function openEcho({
  client,
  seed,
  clock,
  timeline,
}: LiveSessionOptions): Promise<[SessionTap, () => Promise<Judged>]> {
  const tap = tapSession(await client.open({ panel: 'echo' }), { timeline, mirrored: true });
  const load = startEchoLoad({ session: tap.session, seed, clock, longestPauseMs: 120, largestWriteBytes: 8 * 1024 });
  const finish = async (): Promise<Judged> => {
    const verdict = await load.finish(tap.toldMs === undefined ? finishLimitMs : lostLimitMs);
    return { ...judgeEcho(verdict, tap.told, tap.deviation), bytes: verdict.bytes };
  };
  return [tap, finish];
}

async function openTerminal({ client, timeline }: LiveSessionOptions): Promise<[SessionTap, () => Promise<Judged>]> {
  const taps: SessionTap[] = [];
  const tapping: PaneletClient = {
    ...client,
    open: async (options) => {
      const tap = tapSession(await client.open(options), { timeline, mirrored: false });
      taps.push(tap);
      return tap.session;
    },
  };
  const shell = await openShell(tapping).catch(async (error: unknown) => {
    await Promise.all(taps.map(({ session }) => abandon(session)));
    throw error;
  });
  const [tap] = taps;
  if (tap === undefined) throw new Error('The shell has no session.');
  const finish = async (): Promise<Judged> => {
    if (tap.toldMs !== undefined) await abandon(tap.session);
    const verdict = await shell.finish(tap.toldMs === undefined ? finishLimitMs : lostLimitMs);
    return { ...judgeShell(verdict, tap.told), bytes: tap.session.stats().bytesIn };
  };
  return [tap, finish];
}

/** Opens a session and begins the transfer. @throws PaneletError when it cannot be opened now. */
export async function openLiveSession(options: LiveSessionOptions): Promise<LiveSession> {
  const { kind, id, node, clock, timeline } = options;
  const fromMs = timeline.nowMs();
  const [tap, finish] = await (kind === 'echo' ? openEcho(options) : openTerminal(options));
  return {
    kind,
    lost: tap.lost,
    finish: async () => {
      tap.expectEnd();
      const late: Judged = { outcome: 'broken', evidence: 'it could not be finished in time', bytes: 0 };
      const judged = (await within(clock, giveUpMs, finish())) ?? late;
      if (judged === late) await tap.session.detach();
      const toMs = tap.toldMs ?? timeline.nowMs();
      return { id, kind, node, fromMs, toMs, gaps: [...tap.gaps], ...judged };
    },
  };
}
