import { createLatch, type Latch } from '#common/time/latch.js';
import { messageOf } from '#common/errors/errors.js';
import type { Clock } from '#common/time/clock.js';
import { judgeEcho } from '#test/chaos/outcome.js';
import { endForSure } from './end-session.js';
import { leavePlace, openPlace, returnToPlace, type PlaceDeps, type SessionPlace } from './session-place.js';

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
  /** Resolves when every place has a session whose bytes come back. @throws what stands still after `limitMs` */
  full(limitMs: number): Promise<void>;
  /** Breaks every connection of clients, as a network does. */
  cut(): void;
  /** One client dies, and comes back as another process; `place` is from 0 to 1. */
  kill(place: number): void;
  /** Stops writing, waits for everything to come back, and judges. @returns all */
  finish(): Promise<readonly SessionOutcome[]>;
  /** Leaves everything as it is; no client tries anything any more. */
  abandon(): Promise<void>;
}

/** What they are made of. */
export interface MovedSessionsOptions extends PlaceDeps {
  readonly count: number;
  readonly seed: number;
}

const finishMs = 60_000;
const lostMs = 500;

/** Opens them and begins to write. */
export function startMovedSessions(options: MovedSessionsOptions): MovedSessions {
  return new Sessions(options);
}

class Sessions implements MovedSessions {
  readonly #options: MovedSessionsOptions;
  readonly #outcomes: SessionOutcome[] = [];
  readonly #places = new Map<number, SessionPlace>();
  readonly #dying: Latch<void>[];
  readonly #stopping = createLatch();
  readonly #keeping: Promise<unknown>;
  #isStopping = false;
  #opened = 0;
  #notOpened = '';

  constructor(options: MovedSessionsOptions) {
    this.#options = options;
    this.#dying = Array.from({ length: options.count }, () => createLatch());
    this.#keeping = Promise.all(this.#dying.map((_, number) => this.#keep(number)));
    this.#keeping.catch(() => undefined);
  }

  async full(limitMs: number): Promise<void> {
    const { clock } = this.#options;
    const before = new Map([...this.#places.values()].map((place) => [place, place.load.receivedBytes()]));
    const untilMs = clock.nowMs() + limitMs;
    for (let left = this.#still(before); left.length > 0; left = this.#still(before)) {
      if (clock.nowMs() > untilMs) throw new Error(`Sessions stand still for ${limitMs} ms: ${left.join(', ')}.`);
      await Promise.race([this.#keeping, clockTick(clock)]);
    }
  }

  cut(): void {
    for (const { network } of this.#places.values()) network.cut();
  }

  kill(place: number): void {
    this.#dying[Math.floor(place * this.#dying.length)]?.resolve();
  }

  async finish(): Promise<readonly SessionOutcome[]> {
    this.#isStopping = true;
    this.#stopping.resolve();
    await this.#keeping;
    return this.#outcomes;
  }

  async abandon(): Promise<void> {
    this.#isStopping = true;
    for (const { load } of this.#places.values()) load.abandon();
    await Promise.all([...this.#places.values()].map((place) => leavePlace(place)));
  }

  /** What has got nothing back since `before` was looked at. */
  #still(before: ReadonlyMap<SessionPlace, number>): string[] {
    const missing = this.#options.count - this.#places.size;
    const silent = [...this.#places.values()].filter(
      (place) => place.load.receivedBytes() <= (before.get(place) ?? place.fromBytes),
    );
    const names = silent.map(({ tap: { session } }) => `${session.sessionId} is ${session.phase}`);
    return missing === 0 ? names : [...names, `${missing} are not open (${this.#notOpened})`];
  }

  async #keep(number: number): Promise<void> {
    const { seed, clock } = this.#options;
    while (!this.#isStopping) {
      // A worker may be away: `full` tells when it is so for too long.
      const place = await openPlace(this.#options, seed + ++this.#opened).catch((error: unknown) => {
        this.#notOpened = messageOf(error);
        return clockTick(clock);
      });
      if (place === undefined) continue;
      this.#outcomes.push(await this.#live(number, place));
      this.#places.delete(number);
    }
  }

  /** Until something was lost, or all end; over the deaths of its client. */
  async #live(number: number, first: SessionPlace): Promise<SessionOutcome> {
    for (let place = first; ;) {
      this.#places.set(number, place);
      const dying = (this.#dying[number] = createLatch());
      const isDying = dying.promise.then(() => true);
      const isOver = Promise.race([place.tap.lost, this.#stopping.promise]).then(() => false);
      if (!(await Promise.race([isDying, isOver]))) return judge(this.#options, place);
      this.#places.delete(number);
      try {
        place = await returnToPlace(this.#options, place);
      } catch (error) {
        const evidence = `another process could not go on with it: ${messageOf(error)}`;
        return { outcome: 'broken', evidence, toldMs: undefined, bytes: 0, resumes: 0 };
      }
    }
  }
}

async function judge({ agents }: PlaceDeps, place: SessionPlace): Promise<SessionOutcome> {
  const { tap, load } = place;
  tap.expectEnd();
  const verdict = await load.finish(tap.toldMs === undefined ? finishMs : lostMs);
  const { outcome, evidence } = judgeEcho(verdict, tap.told, tap.deviation);
  // Its end is asked of an agent that may be away.
  await endForSure(agents, tap.session.sessionId, finishMs);
  await leavePlace(place);
  return { outcome, evidence, toldMs: tap.toldMs, bytes: verdict.bytes, resumes: verdict.resumes };
}

const tickMs = 20;

function clockTick(clock: Clock): Promise<undefined> {
  return new Promise((resolve) => void clock.after(tickMs, () => resolve(undefined)));
}
