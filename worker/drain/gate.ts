import type { Clock, Timer } from '#common/clock.js';
import { msToDuration } from '#common/duration.js';
import { PaneletError, unreachable } from '#common/errors.js';
import type { Log } from '#common/log.js';
import type { ForcedSession, GateStatus, Holder, Receipt } from '#proto/gate/v1/gate.js';
import { DrainPhase, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { Hold } from '../op-gate.js';
import type { SessionDriver } from '../sessions/session-driver.js';
import type { RegistryGate, SessionRegistry } from '../sessions/session-registry.js';
import { gateStatusOf, receiptOf, type DrainTally, type WorkerFacts } from './drain-status.js';
import {
  servingState,
  type DrainEffect,
  type DrainEvent,
  type DrainFacts,
  type DrainRules,
  type DrainState,
} from './state.js';
import { nextDueMs, transition } from './transition.js';

/** What a gate needs. */
export interface GateDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly panel: string;
  readonly rules: DrainRules;
  readonly facts: WorkerFacts;
  readonly registry: SessionRegistry;
  /** Attach RPCs that are not over. */
  readonly attachments: () => number;
  /** Sessions that were found sealed at the start of this worker. */
  readonly restored: number;
  /** The worker takes new sessions, or no more. */
  readonly onAdmission: (admits: boolean) => void;
}

/** How often a drain looks at its sessions when nothing tells it to, in milliseconds: holds end without a word. */
const lookMs = 50;
/** How long a change waits for others, so that a thousand sessions are looked at together, in milliseconds. */
const soonMs = 2;

const attachPhases = new Set(['SERVING', 'CORDONED', 'NOTIFIED', 'FROZEN', 'QUIESCED']);
const restorePhases = new Set(['SERVING', 'CORDONED', 'NOTIFIED']);

/** The gate of one worker: carries out what the state machine says, over all sessions, and lets none stop the loop. */
export class Gate implements RegistryGate {
  readonly #deps: GateDeps;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #state: DrainState;
  #timer: Timer | undefined;
  #observing = false;
  #receipt: Receipt | undefined;
  #finished = 0;
  #forced: ForcedSession[] = [];
  #thawing: Promise<unknown> = Promise.resolve();

  constructor(deps: GateDeps) {
    this.#deps = deps;
    this.#state = servingState(deps.clock.nowMs());
  }

  get state(): DrainState {
    return this.#state;
  }
  get receipt(): Receipt | undefined {
    return this.#receipt;
  }
  get admitsNew(): boolean {
    return this.#state.phase === 'SERVING';
  }
  get admitsAttach(): boolean {
    return attachPhases.has(this.#state.phase);
  }
  get admitsRestore(): boolean {
    return restorePhases.has(this.#state.phase);
  }

  /** Sessions that were ended by the policy in this drain. */
  get forcedCount(): number {
    return this.#forced.length;
  }

  /** Calls back at every change; returns what takes the listener off. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes a command. @throws GATE_REFUSED */
  command(event: DrainEvent): void {
    const refusal = this.#apply(event);
    if (refusal !== undefined) throw new PaneletError('GATE_REFUSED', refusal);
    this.#observe();
  }

  /** Resolves when the sessions of the last drain that was called off go on. */
  reopened(): Promise<unknown> {
    return this.#thawing;
  }

  /** Something changed at a session or an attachment. */
  changed(): void {
    if (this.#observing || this.#state.plan === undefined) return;
    this.#observing = true;
    this.#deps.clock.after(soonMs, () => {
      this.#observing = false;
      if (!this.#stop.signal.aborted) this.#observe();
    });
  }

  /** There is one session more. */
  sessionOpened(): void {
    this.#notify();
    this.changed();
  }

  /** A session is over. */
  sessionEnded(kind: string): void {
    if (this.#state.plan !== undefined && kind !== 'forced') this.#finished++;
    this.#notify();
    this.changed();
  }

  /** Stops timers and retries; the process ends. */
  close(): void {
    this.#stop.abort(new PaneletError('OPERATION_REFUSED', 'The worker ends.'));
    this.#timer?.stop();
    this.#listeners.clear();
  }

  status(): GateStatus {
    return gateStatusOf(this.#state, this.#tally(), this.#deps.facts, this.#deps.clock.nowMs());
  }

  /** Sessions that killing the process now would lose. */
  unsafe(): number {
    const { registry } = this.#deps;
    return [...registry.live.values()].filter(({ rest }) => !rest.sealed).length + registry.opening.size;
  }

  drainFor(): Drain | undefined {
    switch (this.#state.phase) {
      case 'NOTIFIED':
        return this.#drain(DrainPhase.NOTICE);
      case 'FROZEN':
      case 'QUIESCED':
        return this.#drain(DrainPhase.FREEZE);
      default:
        return undefined;
    }
  }

  #apply(event: DrainEvent): string | undefined {
    const { clock, rules, log } = this.#deps;
    const before = this.#state;
    const { state, effects, refusal } = transition(before, event, clock.nowMs(), rules);
    this.#state = state;
    if (state.phase !== before.phase) {
      log.info({ from: before.phase, to: state.phase, restartUid: state.cordon?.fence.restartUid }, 'The gate moves.');
    }
    for (const effect of effects) this.#run(effect, before);
    if (state.phase !== before.phase) this.#notify();
    return refusal;
  }

  #observe(): void {
    for (;;) {
      const before = this.#state;
      this.#keepUp();
      this.#apply({ kind: 'observe', facts: this.#facts() });
      if (this.#state === before) break;
    }
    this.#schedule();
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #schedule(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    const { clock, rules } = this.#deps;
    const { plan, phase } = this.#state;
    const due = nextDueMs(this.#state, rules);
    const looks = plan !== undefined && phase !== 'CLOSED';
    const dueInMs = due === undefined ? Infinity : Math.max(0, due - clock.nowMs());
    const waitMs = looks ? Math.min(lookMs, dueInMs) : dueInMs;
    if (Number.isFinite(waitMs)) this.#timer = clock.after(waitMs, () => this.#observe());
  }

  #sessions(): SessionDriver[] {
    return [...this.#deps.registry.live.values()];
  }

  #facts(): DrainFacts {
    const { registry } = this.#deps;
    const facts = { sessions: 0, busy: 0, restless: 0, unflushed: 0, unsealed: 0 };
    for (const driver of this.#sessions()) {
      const progress = driver.progress();
      facts.sessions++;
      if (progress.busy) facts.busy++;
      if (progress.restless) facts.restless++;
      if (progress.unflushed) facts.unflushed++;
      if (progress.unsealed) facts.unsealed++;
    }
    const opening = registry.opening.size;
    return {
      sessions: facts.sessions + opening,
      busy: facts.busy + opening,
      restless: facts.restless + opening,
      unflushed: facts.unflushed,
      unsealed: facts.unsealed + opening,
      attached: this.#deps.attachments(),
    };
  }

  // Sessions that came up late, or whose checkpoint failed, catch up with the state of the gate.
  #keepUp(): void {
    const { phase } = this.#state;
    if (phase === 'FROZEN' || phase === 'QUIESCED' || phase === 'CHECKPOINTED') {
      for (const driver of this.#sessions()) this.#freeze(driver);
    }
    if (phase === 'CHECKPOINTED') for (const driver of this.#sessions()) driver.rest.seal();
  }

  #freeze(driver: SessionDriver): void {
    if (driver.rest.frozen) return;
    driver.tell(this.#drain(DrainPhase.FREEZE));
    driver.rest.freeze();
  }

  #run(effect: DrainEffect, before: DrainState): void {
    const each = (work: (driver: SessionDriver) => void): void => {
      for (const driver of this.#sessions()) this.#safely(driver, work);
    };
    switch (effect.kind) {
      case 'refuse-new':
        this.#deps.onAdmission(false);
        break;
      case 'admit-new':
        this.#deps.onAdmission(true);
        break;
      case 'notice':
        this.#finished = 0;
        this.#forced = [];
        each((driver) => driver.tell(this.#drain(DrainPhase.NOTICE)));
        break;
      case 'freeze':
        each((driver) => this.#freeze(driver));
        break;
      case 'flush':
        each((driver) => driver.flush());
        break;
      case 'seal':
        each((driver) => driver.rest.seal());
        break;
      case 'force':
        this.#force(effect);
        break;
      case 'release':
        each((driver) => void driver.release(this.#drain(DrainPhase.READY)));
        break;
      case 'receipt':
        this.#receipt = receiptOf(this.#state, this.#tally(), this.#deps.facts, this.#deps.clock.nowMs());
        break;
      case 'reopen':
        this.#reopen(before);
        break;
      default:
        unreachable(effect);
    }
  }

  // One session that fails never stops the loop over the others.
  #safely(driver: SessionDriver, work: (driver: SessionDriver) => void): void {
    try {
      work(driver);
    } catch (err) {
      this.#deps.log.error({ err, sessionId: driver.record.id }, 'A session failed in a drain.');
    }
  }

  #force(effect: Extract<DrainEffect, { kind: 'force' }>): void {
    this.#deps.registry.abandonOpening();
    for (const driver of this.#sessions()) {
      const { restless, unsealed, failure } = driver.progress();
      const isHit = effect.who === 'all' || (effect.who === 'restless' ? restless : unsealed);
      if (!isHit) continue;
      const holders = this.#holdersOf(driver);
      const reason = failure === undefined ? effect.reason : `${effect.reason} ${failure}`;
      const { id } = driver.record;
      this.#deps.log.warn({ sessionId: id, reason, holders: holders.map((held) => held.operation) }, 'Forced to end.');
      this.#forced.push({ sessionId: id, panel: this.#deps.panel, reason, holders });
      const last = driver.link.drainMessage({ ...this.#drain(DrainPhase.READY), fate: SessionFate.ENDS });
      this.#safely(driver, () => driver.end({ kind: 'forced', message: `Ended by a restart: ${reason}` }, [last]));
    }
  }

  #reopen(before: DrainState): void {
    this.#receipt = undefined;
    const thaws = this.#sessions().map(async (driver) => {
      await driver.rest.thaw(this.#stop.signal);
      driver.tell(this.#drain(DrainPhase.CANCELLED, before));
    });
    this.#thawing = Promise.allSettled(thaws);
  }

  #drain(phase: DrainPhase, state = this.#state): Drain {
    const { clock, rules } = this.#deps;
    const { plan, cordon } = state;
    const fate = rules.checkpointable ? SessionFate.CHECKPOINTED : SessionFate.ENDS;
    return {
      generation: plan?.serial ?? state.drains,
      phase,
      remaining: msToDuration((plan?.deadlineMs ?? 0) - clock.nowMs()),
      reason: cordon?.reason ?? '',
      fate: phase === DrainPhase.CANCELLED ? SessionFate.KEPT : fate,
      node: '',
      retryAfter: undefined,
    };
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

  #tally(): DrainTally {
    const { registry, restored } = this.#deps;
    const sessions = this.#sessions();
    const dormantSealed = [...registry.dormant.values()].filter(({ life }) => life.kind === 'sealed').length;
    const sealed = sessions.filter(({ rest }) => rest.sealed).length;
    return {
      sessions: sessions.length + registry.dormant.size,
      holders: sessions.flatMap((driver) => this.#holdersOf(driver)),
      forced: this.#forced,
      counts: {
        finished: this.#finished,
        kept: 0,
        checkpointed: sealed + dormantSealed,
        forced: this.#forced.length,
        remaining: sessions.length - sealed + registry.opening.size,
        restored,
      },
    };
  }
}
