import type { PaneletClient } from '#client/sdk.js';
import type { Clock } from '#common/time/clock.js';
import { judgeEcho } from '#test/chaos/outcome.js';
import { tapSession, type SessionTap } from '#test/chaos/session-tap.js';
import type { Timeline } from '#test/chaos/timeline.js';
import { startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';

/** How a session came through. */
export interface SessionOutcome {
  readonly outcome: 'exact' | 'told' | 'broken';
  /** What was told, or what is wrong. */
  readonly evidence: string;
  /** When it was told, in milliseconds of the run; undefined when it was not. */
  readonly toldMs: number | undefined;
  readonly bytes: number;
  readonly resumes: number;
}

/** Sessions that write patterned bytes all the time; one that was told of a loss is judged and followed by another. */
export interface MovedSessions {
  /** Those that are over. */
  readonly outcomes: readonly SessionOutcome[];
  /** Resolves when every place has a session whose bytes come back. @throws what stands still after `limitMs` */
  full(limitMs: number): Promise<void>;
  /** Stops writing, waits for everything to come back, and judges. @returns all */
  finish(): Promise<readonly SessionOutcome[]>;
}

/** What they are made of. */
export interface MovedSessionsOptions {
  readonly client: PaneletClient;
  readonly count: number;
  readonly seed: number;
  readonly clock: Clock;
  readonly timeline: Timeline;
}

interface Place {
  readonly tap: SessionTap;
  readonly load: EchoLoad;
}

const finishMs = 60_000;
const lostMs = 500;

/** Opens them and begins to write. */
export function startMovedSessions(options: MovedSessionsOptions): MovedSessions {
  const { client, count, seed, clock, timeline } = options;
  const outcomes: SessionOutcome[] = [];
  const places = new Map<number, Place>();
  let opened = 0;
  let isStopping = false;

  const open = async (): Promise<Place> => {
    const tap = tapSession(await client.open({ panel: 'echo' }), { timeline, mirrored: true });
    const from = { session: tap.session, seed: seed + ++opened, clock };
    return { tap, load: startEchoLoad({ ...from, largestWriteBytes: 4_096, longestPauseMs: 20 }) };
  };
  const judge = async ({ tap, load }: Place): Promise<SessionOutcome> => {
    tap.expectEnd();
    const verdict = await load.finish(tap.toldMs === undefined ? finishMs : lostMs);
    const { outcome, evidence } = judgeEcho(verdict, tap.told, tap.deviation);
    return { outcome, evidence, toldMs: tap.toldMs, bytes: verdict.bytes, resumes: verdict.resumes };
  };
  const keep = async (number: number): Promise<void> => {
    while (!isStopping) {
      // A worker may be away: `full` tells when it is so for too long.
      const place = await open().catch(() => clockTick(clock));
      if (place === undefined) continue;
      places.set(number, place);
      await Promise.race([place.tap.lost, stopping]);
      outcomes.push(await judge(place));
      places.delete(number);
    }
  };
  let stop = (): void => undefined;
  const stopping = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const keeping = Promise.all(Array.from({ length: count }, (_, number) => keep(number)));
  keeping.catch(() => undefined);
  /** What has got nothing back since `before` was looked at. */
  const still = (before: ReadonlyMap<Place, number>): string[] => {
    const missing = count - places.size;
    const silent = [...places.values()].filter((place) => place.load.receivedBytes() <= (before.get(place) ?? 0));
    const names = silent.map(({ tap: { session } }) => `${session.sessionId} is ${session.phase}`);
    return missing === 0 ? names : [...names, `${missing} are not open`];
  };
  return {
    outcomes,
    full: async (limitMs) => {
      const before = new Map([...places.values()].map((place) => [place, place.load.receivedBytes()]));
      const untilMs = clock.nowMs() + limitMs;
      for (let left = still(before); left.length > 0; left = still(before)) {
        if (clock.nowMs() > untilMs) throw new Error(`Sessions stand still for ${limitMs} ms: ${left.join(', ')}.`);
        await Promise.race([keeping, clockTick(clock)]);
      }
    },
    finish: async () => {
      isStopping = true;
      stop();
      await keeping;
      return outcomes;
    },
  };
}

const tickMs = 20;

function clockTick(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(tickMs, resolve));
}
