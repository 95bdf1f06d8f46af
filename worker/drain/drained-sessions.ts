import type { Clock } from '#common/time/clock.js';
import { msToDuration } from '#common/time/duration.js';
import type { Log } from '#common/log.js';
import type { ForcedSession, Holder } from '#proto/gate/v1/gate.js';
import { DrainPhase, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { Hold } from '../panel/op-gate.js';
import type { SessionDriver } from '../sessions/session-driver.js';
import type { SessionRegistry } from '../sessions/session-registry.js';
import type { DrainTally } from './drain-status.js';
import type { DrainEffect, DrainFacts, DrainState } from './state.js';

/** Gives sessions to a newer instance of the worker, where there is one. */
export interface SessionGiver {
  /** Begins to give. */
  begin(drivers: readonly SessionDriver[]): void;
  /** Begins with no more of them; those under way are finished. */
  stop(): void;
  /** Sessions that are being given, or were not tried yet. */
  readonly waiting: number;
}

/** What draining sessions needs. */
export interface DrainedSessionsDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly panel: string;
  readonly checkpointable: boolean;
  readonly registry: SessionRegistry;
  /** Attach RPCs that are not over. */
  readonly attachments: () => number;
  readonly giver: SessionGiver;
  /** True while a newer instance of the worker lives. */
  readonly hasNewer: () => boolean;
}

/** The sessions of a worker as its gate sees them: what they are told and asked in a drain, and what is counted. */
export class DrainedSessions {
  readonly #deps: DrainedSessionsDeps;
  /** Those that know that they are frozen. */
  readonly #told = new Set<SessionDriver>();
  #finished = 0;
  #moved = 0;
  #forced: ForcedSession[] = [];

  constructor(deps: DrainedSessionsDeps) {
    this.#deps = deps;
  }

  /** Sessions that were ended by the policy in this drain. */
  get forcedCount(): number {
    return this.#forced.length;
  }

  /** A session ended by itself in a drain. */
  finished(): void {
    this.#finished++;
  }

  /** A session has gone on in a newer instance. */
  moved(): void {
    this.#moved++;
  }

  /** Sessions that killing the process now would lose. */
  unsafe(): number {
    const { registry } = this.#deps;
    return [...registry.live.values()].filter(({ freezer }) => !freezer.sealed).length + registry.opening.size;
  }

  /** What the state machine looks at. */
  facts(): DrainFacts {
    const { registry } = this.#deps;
    const facts = { sessions: 0, busy: 0, free: 0, restless: 0, rested: 0, unflushed: 0, unsealed: 0 };
    for (const driver of this.#sessions()) {
      const progress = driver.progress();
      facts.sessions++;
      if (progress.busy) facts.busy++;
      if (progress.restless) facts.restless++;
      else if (progress.rested) facts.rested++;
      else facts.free++;
      if (progress.unflushed) facts.unflushed++;
      if (progress.unsealed) facts.unsealed++;
    }
    const opening = registry.opening.size;
    return {
      ...facts,
      giving: this.#deps.giver.waiting,
      sessions: facts.sessions + opening,
      busy: facts.busy + opening,
      restless: facts.restless + opening,
      unsealed: facts.unsealed + opening,
      attached: this.#deps.attachments(),
    };
  }

  /** What status and receipt tell. */
  tally(): DrainTally {
    const { registry } = this.#deps;
    const sessions = this.#sessions();
    // Of several workers, the newest one counts what nobody has.
    const dormant = this.#deps.hasNewer() ? [] : [...registry.dormant.values()];
    const dormantSealed = dormant.filter(({ life }) => life.kind === 'sealed').length;
    const sealed = sessions.filter(({ freezer }) => freezer.sealed).length;
    const asked = sessions.filter(({ freezer }) => freezer.frozenSinceMs !== undefined);
    return {
      sessions: sessions.length + dormant.length,
      // Once sessions are brought to rest, what others do in passing keeps nobody waiting.
      holders: (asked.length > 0 ? asked : sessions).flatMap((driver) => this.#holdersOf(driver)),
      forced: this.#forced,
      counts: {
        finished: this.#finished,
        kept: 0,
        checkpointed: sealed + dormantSealed,
        forced: this.#forced.length,
        remaining: sessions.length - sealed + registry.opening.size,
        restored: registry.restored,
        moved: this.#moved,
      },
    };
  }

  /** What clients are told of the end of a worker that retires. */
  countdown(phase: DrainPhase, remainingMs: number, reason: string): Drain {
    return this.#word({ generation: 0, phase, reason }, { remainingMs, late: SessionFate.ENDS });
  }

  /** Tells every client. */
  tell(drain: Drain): void {
    this.#each((driver) => driver.tell(drain));
  }

  /** Begins to count, and tells that a restart is coming. */
  notice(state: DrainState): void {
    this.#finished = 0;
    this.#moved = 0;
    this.#forced = [];
    this.#told.clear();
    this.#each((driver) => driver.tell(this.drain(DrainPhase.NOTICE, state)));
    this.#deps.giver.begin(this.#sessions());
  }

  /** Asks to come to rest; those that came up late too. Clients are told once it is certain that they have to wait. */
  freeze(who: 'moving' | 'all'): void {
    this.#deps.giver.stop();
    this.#each((driver) => {
      if (who === 'all' || driver.progress().moving) driver.freezer.freeze();
    });
  }

  /** Lets those that are at rest go on, as the others keep the drain from its end; and tells those. */
  ease(state: DrainState, signal: AbortSignal): void {
    for (const driver of this.#sessions()) {
      if (driver.progress().rested) void this.#thaw(driver, () => this.#tellServing(driver, state), signal);
    }
    this.tellFrozen(state);
  }

  /** Tells those that are frozen and were not told yet. */
  tellFrozen(state: DrainState): void {
    this.#each((driver) => {
      if (driver.freezer.frozenSinceMs === undefined || this.#told.has(driver)) return;
      this.#told.add(driver);
      driver.tell(this.drain(DrainPhase.FREEZE, state));
    });
  }

  /** Sends what clients take now. */
  flush(): void {
    this.#each((driver) => driver.flush());
  }

  /** Writes down, again where that failed: all, or those whose clients have taken and acknowledged everything. */
  seal(who: 'flushed' | 'all'): void {
    this.#each((driver) => {
      if (who === 'all' || !driver.progress().unflushed) driver.freezer.seal();
    });
  }

  /** Tells where to go on, and ends the RPCs with OK. */
  release(state: DrainState): void {
    this.#each((driver) => void driver.release(this.drain(DrainPhase.READY, state)));
  }

  /** Ends by policy those that are not safe: their clients are told, their holders are named. */
  force(effect: Extract<DrainEffect, { kind: 'force' }>, state: DrainState): void {
    this.#deps.registry.abandonOpening();
    for (const driver of this.#sessions()) {
      if (!this.#isHit(driver, effect.who, state)) continue;
      const { failure } = driver.progress();
      const holders = this.#holdersOf(driver);
      const reason = failure === undefined ? effect.reason : `${effect.reason} ${failure}`;
      const { id } = driver.record;
      this.#deps.log.warn({ sessionId: id, reason, holders: holders.map((held) => held.operation) }, 'Forced to end');
      this.#forced.push({ sessionId: id, panel: this.#deps.panel, reason, holders });
      const last = driver.link.drainMessage({ ...this.drain(DrainPhase.READY, state), fate: SessionFate.ENDS });
      this.#safely(driver, () => driver.end({ kind: 'forced', message: forcedText(state, reason) }, [last]));
    }
  }

  /** Makes what is sealed unusable, then lets go on; resolves when all do. `before` is the state that is left. */
  reopen(before: DrainState, signal: AbortSignal): Promise<unknown> {
    this.#deps.giver.stop();
    this.#told.clear();
    const goesOn = (driver: SessionDriver) => (): void => driver.tell(this.drain(DrainPhase.CANCELLED, before));
    return Promise.all(this.#sessions().map((driver) => this.#thaw(driver, goesOn(driver), signal)));
  }

  /** How far the drain is for one session, or for those that are free. */
  drainFor(state: DrainState, driver: SessionDriver | undefined): Drain | undefined {
    switch (state.phase) {
      case 'NOTIFIED':
        return this.drain(DrainPhase.NOTICE, state);
      case 'FROZEN': {
        const isTold = driver !== undefined && this.#told.has(driver);
        return this.drain(isTold ? DrainPhase.FREEZE : DrainPhase.NOTICE, state);
      }
      case 'QUIESCED':
        return this.drain(DrainPhase.FREEZE, state);
      default:
        return undefined;
    }
  }

  /** What a client is told about the drain. */
  drain(phase: DrainPhase, state: DrainState): Drain {
    const { plan, cordon } = state;
    const remainingMs = (plan?.deadlineMs ?? 0) - this.#deps.clock.nowMs();
    // Other policies wait, or give up and let it live on: a countdown would come to nothing.
    const late = plan?.onTimeout === 'force' ? SessionFate.ENDS : SessionFate.KEPT;
    const generation = plan?.serial ?? state.drains;
    return this.#word({ generation, phase, reason: cordon?.reason ?? '' }, { remainingMs, late });
  }

  /** `late` is what becomes of a session that is still there when no time remains, and cannot be written down. */
  #word(
    word: Pick<Drain, 'generation' | 'phase' | 'reason'>,
    { remainingMs, late }: { readonly remainingMs: number; readonly late: SessionFate },
  ): Drain {
    const end = this.#deps.checkpointable ? SessionFate.CHECKPOINTED : late;
    const fate = word.phase === DrainPhase.CANCELLED ? SessionFate.KEPT : end;
    return { ...word, remaining: msToDuration(remainingMs), fate, node: '', retryAfter: undefined };
  }

  /** Whoever was asked to come to rest only lately has until the deadline. */
  #isHit(driver: SessionDriver, who: 'all' | 'restless' | 'unsealed', { plan }: DrainState): boolean {
    // Where one goes on that is given is decided within moments, and not here.
    if (driver.freezer.given) return false;
    const { restless, unsealed } = driver.progress();
    if (who !== 'restless') return who === 'all' || unsealed;
    const leftMs = plan === undefined ? 0 : plan.deadlineMs - plan.policyAtMs;
    const askedMs = driver.freezer.frozenSinceMs ?? Infinity;
    return restless && this.#deps.clock.nowMs() - askedMs >= leftMs;
  }

  async #thaw(driver: SessionDriver, tell: () => void, signal: AbortSignal): Promise<void> {
    try {
      await driver.freezer.thaw(signal);
      tell();
    } catch (err) {
      // Else the worker ends.
      if (!signal.aborted) this.#deps.log.error({ err, sessionId: driver.record.id }, 'A session could not go on');
    }
  }

  #tellServing(driver: SessionDriver, state: DrainState): void {
    if (!this.#told.delete(driver)) return;
    // A client takes this for the end of its wait; the restart is still to come.
    driver.tell(this.drain(DrainPhase.CANCELLED, state));
    driver.tell(this.drain(DrainPhase.NOTICE, state));
  }

  #sessions(): SessionDriver[] {
    return [...this.#deps.registry.live.values()];
  }

  #each(work: (driver: SessionDriver) => void): void {
    for (const driver of this.#sessions()) this.#safely(driver, work);
  }

  // One session that fails never stops the loop over the others.
  #safely(driver: SessionDriver, work: (driver: SessionDriver) => void): void {
    try {
      work(driver);
    } catch (err) {
      this.#deps.log.error({ err, sessionId: driver.record.id }, 'A session failed in a drain');
    }
  }

  #holdersOf(driver: SessionDriver): Holder[] {
    const nowMs = this.#deps.clock.nowMs();
    const named = ({ operation, sinceMs, bytes }: Hold): Holder => ({
      sessionId: driver.record.id,
      panel: this.#deps.panel,
      operation,
      held: msToDuration(nowMs - sinceMs),
      bytes,
    });
    return driver.holders().map(named);
  }
}

function forcedText({ cordon }: DrainState, why: string): string {
  const reason = cordon?.reason ?? '';
  return `A restart${reason === '' ? '' : ` (${reason})`} ended the session by force. ${why}`;
}
