import pLimit from 'p-limit';
import { messageOf } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import type { Reattach } from '#proto/session/v1/session.js';
import type { SessionGiver } from '../drain/drained-sessions.js';
import { createClientTurns } from '../sessions/client-turns.js';
import type { SessionDriver } from '../sessions/session-driver.js';
import type { InstanceName, Instances } from '#common/files/instances.js';
import type { SessionOwnership } from '../storage/session-ownership.js';
import { inviteClient } from './invite-client.js';
import type { HandoverPeer } from './peer.js';
import { settleSession } from './settle-session.js';
import type { MovingState } from './state-parts.js';

/** What giving sessions away needs. */
export interface GiverDeps {
  readonly instances: Instances;
  readonly ownership: SessionOwnership;
  readonly connect: (instance: number) => HandoverPeer;
  readonly clock: Clock;
  readonly log: Log;
  /** One session less to give, or one that has moved. */
  readonly onChange: () => void;
  /** A session has moved: its client is to be told where to go on. */
  readonly onMoved: (driver: SessionDriver) => void;
  /** Where clients of an agent go on that goes with the worker; undefined where it stays, or is the only one. */
  readonly wayBeside: (agentInstance: string | undefined) => Reattach | undefined;
}

/** Each is frozen for as long as one move takes. */
const frozenAtATime = 1;
const longestFrozenMs = 1_000;
/**
 * Longest that a session is frozen for its move, in milliseconds, by its turns so far; then it goes on and gets another turn. A busy machine may need
 * more than the first, and being written down and restored takes seconds.
 */
const frozenMs = [250, 500, longestFrozenMs] as const;
/** Of that, for coming to rest: an answer that comes too late costs a look at who has the session. */
const restShare = 0.5;
/** Its session goes on meanwhile; a busy machine may need long, one that is not there refuses at once. */
const prepareMs = 3_000;
/** Pause before those that held something are tried again, in milliseconds. */
const againMs = 500;

/** What became of a session in its turn; one that was held gets another one. */
type TurnResult = 'moved' | 'stays' | 'held';

interface Turn {
  readonly peer: HandoverPeer;
  /** Longest that the session is frozen, in milliseconds. */
  readonly frozenMs: number;
  /** True while the drain waits for another turn, should this one come to nothing. */
  readonly isWaitedFor: boolean;
  /** The drain brings all sessions to rest itself. */
  readonly signal: AbortSignal;
}

/** Gives the sessions of a worker that drains to the newest instance, one by one, while the others go on. */
export class Giver implements SessionGiver {
  readonly #deps: GiverDeps;
  /** Those that are being given, or were not tried yet. */
  readonly #waiting = new Set<SessionDriver>();
  readonly #freezing = pLimit(frozenAtATime);
  #giving: AbortController | undefined;

  constructor(deps: GiverDeps) {
    this.#deps = deps;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Begins to give, where there is a newer instance. Those that hold something are tried again until `stop`. */
  begin(drivers: readonly SessionDriver[]): void {
    this.#giving?.abort();
    this.#waiting.clear();
    if (!this.#deps.instances.hasNewer) return;
    const giving = new AbortController();
    this.#giving = giving;
    for (const driver of drivers) this.#waiting.add(driver);
    this.#giveAll(drivers, giving.signal)
      .catch((err: unknown) => {
        if (!giving.signal.aborted) this.#deps.log.error({ err }, 'Sessions could not be given to another instance');
      })
      .finally(() => {
        if (this.#giving === giving) for (const driver of drivers) this.#done(driver);
      });
  }

  /** Begins no more of them; those under way are finished. */
  stop(): void {
    this.#giving?.abort();
  }

  async #giveAll(drivers: readonly SessionDriver[], signal: AbortSignal): Promise<void> {
    const { instances } = this.#deps;
    const newest = await instances.newest();
    // It may have died just now.
    if (newest === instances.own.number) return;
    const peer = this.#deps.connect(newest);
    const turns = createClientTurns(this.#deps.clock);
    try {
      let round = drivers.toSorted((a, b) => urgency(a) - urgency(b));
      for (let count = 0; round.length > 0 && !signal.aborted; count += 1) {
        const turn = { peer, frozenMs: frozenMs[count] ?? longestFrozenMs, isWaitedFor: count + 1 < frozenMs.length };
        const results = await Promise.all(
          round.map((driver) =>
            turns(async () => ({ driver, result: await this.#takeTurn(driver, { ...turn, signal }) })),
          ),
        );
        round = results.filter(({ result }) => result === 'held').map(({ driver }) => driver);
        if (round.length > 0) await sleep(this.#deps.clock, againMs, signal);
      }
    } finally {
      peer.close();
    }
  }

  async #takeTurn(driver: SessionDriver, turn: Turn): Promise<TurnResult> {
    let result: TurnResult = 'stays';
    try {
      if (!turn.signal.aborted && driver.ended === undefined) result = await this.#give(driver, turn);
    } catch (err) {
      this.#deps.log.warn({ err, sessionId: driver.record.id }, 'A session stays: it could not be given away');
    }
    if (result !== 'held' || !turn.isWaitedFor) this.#done(driver);
    return result;
  }

  #done(driver: SessionDriver): void {
    this.#waiting.delete(driver);
    this.#deps.onChange();
  }

  async #give(driver: SessionDriver, turn: Turn): Promise<TurnResult> {
    const { peer, signal: stop } = turn;
    const { clock, log, instances } = this.#deps;
    const { id: sessionId } = driver.record;
    const { incarnation, declined } = await withDeadline({ clock, limitMs: prepareMs }, (signal) =>
      peer.prepare(sessionId, instances.own.id, signal),
    );
    // From here on the drain brings it to rest itself.
    if (stop.aborted) return 'stays';
    if (incarnation === 0) {
      log.info({ sessionId, declined }, 'A session stays: the newer instance does not take it');
      return 'stays';
    }
    const reattach = this.#deps.wayBeside(driver.agentInstance);
    const invitation = inviteClient({ driver, peer, reattach, clock, signal: stop });
    try {
      await invitation.answered;
      return await this.#freezing(() => (stop.aborted ? 'stays' : this.#move(driver, incarnation, turn)));
    } finally {
      invitation.end();
    }
  }

  /** Moves a session that the peer has claimed. Its client waits there already, if it could be asked to. */
  async #move(driver: SessionDriver, incarnation: number, { peer, frozenMs: limitMs }: Turn): Promise<TurnResult> {
    const { clock, log } = this.#deps;
    const { id: sessionId } = driver.record;
    const fromMs = clock.nowMs();
    const untilMs = fromMs + limitMs;
    const content = await driver.give(limitMs * restShare);
    const frozenAtMs = clock.nowMs();
    if (content === undefined) return 'held';
    const state: MovingState = { sessionId, incarnation, content, detachedMs: driver.detachedMs };
    const isTaken = await this.#offer(peer, state, untilMs - clock.nowMs());
    const goesOnAs = isTaken ? undefined : await this.#settle(state);
    if (goesOnAs === undefined) {
      this.#deps.onMoved(driver);
      const parts = { freezeMs: frozenAtMs - fromMs, giveMs: clock.nowMs() - frozenAtMs, sizeBytes: content.length };
      log.debug({ sessionId, ...parts }, 'A session has moved');
      return 'moved';
    }
    driver.takeBack(goesOnAs);
    return 'held';
  }

  /** Storage has to say who has the session before it goes on, so it is asked until it does. */
  async #settle(state: MovingState): Promise<number | undefined> {
    const { clock, log, instances, ownership } = this.#deps;
    for (;;) {
      try {
        return await settleSession({ own: instances.own, ownership, offer: this.offerTo, log }, state);
      } catch (err) {
        log.error({ err, sessionId: state.sessionId }, 'Nobody knows who has a session; it stays frozen');
      }
      await sleep(clock, againMs);
    }
  }

  /** Offers a session to an instance that claims it. @returns true when it has it; false when it has not, or nobody knows */
  readonly offerTo = async ({ number }: InstanceName, state: MovingState): Promise<boolean> => {
    if (!(await this.#deps.instances.isAlive(number))) return false;
    const peer = this.#deps.connect(number);
    try {
      return await this.#offer(peer, state, longestFrozenMs);
    } finally {
      peer.close();
    }
  };

  /** @returns false also when nobody knows: the links tell then */
  async #offer(peer: HandoverPeer, state: MovingState, limitMs: number): Promise<boolean> {
    const { clock, log } = this.#deps;
    try {
      const { taken, declined } = await withDeadline({ clock, limitMs }, (signal) => peer.commit(state, signal));
      if (!taken) log.info({ sessionId: state.sessionId, declined }, 'A session was not taken');
      return taken;
    } catch (err) {
      log.info({ sessionId: state.sessionId, reason: messageOf(err) }, 'Whether a session was taken is not known yet');
      return false;
    }
  }
}

/** Those without a client first, and last those in the middle of something. */
function urgency(driver: SessionDriver): number {
  if (!driver.attached) return 0;
  return driver.progress().busy ? 2 : 1;
}
