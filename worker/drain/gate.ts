import type { Clock, Timer } from '#common/time/clock.js';
import { restAfter } from '#common/time/rest-after.js';
import { PaneletError, unreachable } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { GateStatus, Receipt } from '#proto/gate/v1/gate.js';
import { DrainPhase, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { SessionDriver } from '../sessions/session-driver.js';
import type { RegistryGate, SessionRegistry } from '../sessions/session-registry.js';
import { gateStatusOf, type WorkerFacts } from './drain-status.js';
import { receiptOf } from './receipt.js';
import { Retirement, type RetirementMemory } from './retirement.js';
import { DrainedSessions, type SessionGiver } from './drained-sessions.js';
import {
  servingState,
  type DrainEffect,
  type DrainEvent,
  type DrainRules,
  type DrainState,
  type Fence,
} from './state.js';
import { isIdle, nextDueMs, transition } from './transition.js';

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
  readonly giver: SessionGiver;
  /** True while a newer instance of the worker lives. */
  readonly hasNewer: () => boolean;
  /** What remembers that the worker retires. */
  readonly retirement: RetirementMemory;
  /** The worker takes new sessions, or no more. */
  readonly onAdmission: (admits: boolean) => void;
}

/** How often a drain looks at its sessions when nothing tells it to, in milliseconds: holds end without a word. */
const lookMs = 50;
/** How long a change waits for others, so that a thousand sessions are looked at together, in milliseconds. */
const soonMs = 2;

/** Time for what is left when a worker that retires has to be empty. */
const expiryMs = 10_000;
const retirementReason = 'a newer host has taken over';

const attachPhases = new Set(['SERVING', 'CORDONED', 'NOTIFIED', 'FROZEN', 'QUIESCED']);
const servingPhases = new Set(['SERVING', 'CORDONED', 'NOTIFIED']);
const endedPhases = new Set(['FORCED', 'RELEASED', 'CLOSED']);

/** The gate of one worker: carries out what the state machine says, over all sessions, and lets none stop the loop. */
export class Gate implements RegistryGate {
  readonly #deps: GateDeps;
  readonly #sessions: DrainedSessions;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #retirement: Retirement;
  #state: DrainState;
  #timer: Timer | undefined;
  #observing = false;
  /** How long a change waits for others now, in milliseconds. */
  #pauseMs = soonMs;
  /** As of the last look; whatever opens the gate forgets it. */
  #isIdle = false;
  #receipt: Receipt | undefined;
  #thawing: Promise<unknown> = Promise.resolve();

  constructor(deps: GateDeps) {
    this.#deps = deps;
    this.#sessions = new DrainedSessions({ ...deps, checkpointable: deps.rules.checkpointable });
    this.#state = servingState(deps.clock.nowMs());
    this.#retirement = new Retirement({ clock: deps.clock, memory: deps.retirement, onDue: () => this.#expire() });
    // Not before all that looks at this gate has it.
    deps.clock.after(0, () => this.#retirement.look());
  }

  get state(): DrainState {
    return this.#state;
  }
  get receipt(): Receipt | undefined {
    return this.#receipt;
  }
  get admitsNew(): boolean {
    return this.#state.phase === 'SERVING' && !this.#retirement.isActive;
  }
  get admitsAttach(): boolean {
    return attachPhases.has(this.#state.phase);
  }
  get admitsRestore(): boolean {
    const { phase, wave } = this.#state;
    if (this.#retirement.isActive) return false;
    return this.servesAll || (phase === 'FROZEN' && wave?.kind !== 'closing');
  }
  /** No session is asked to come to rest. */
  get servesAll(): boolean {
    return servingPhases.has(this.#state.phase);
  }

  /** Whether this worker stays only for the sessions that it has, and until when. */
  get retirement(): Pick<Retirement, 'isActive' | 'retireAtMs'> {
    return this.#retirement;
  }

  /** Sessions that were ended by the policy in this drain. */
  get forcedCount(): number {
    return this.#sessions.forcedCount;
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

  /**
   * Takes nothing new for good, and ends what is left at a time, in milliseconds since 1970; called again, at another time, or not at all.
   * @throws GATE_REFUSED; as {@link RetirementMemory.save}
   */
  async retire(fence: Fence, retireAtMs: number | undefined): Promise<void> {
    this.command({ kind: 'retire', fence });
    const wasTold = this.#retirement.remainingMs !== undefined;
    try {
      await this.#retirement.retire(retireAtMs);
    } finally {
      this.#deps.onAdmission(this.admitsNew);
    }
    this.#deps.log.info({ retireAtMs, restartUid: fence.restartUid }, 'The worker retires');
    if (this.#retirement.remainingMs !== 0) this.#callOwnEndOff(fence);
    this.#tellRetirement(wasTold ? 'changed' : 'new');
    this.#retirement.look();
    this.#notify();
  }

  /** Resolves when the sessions of the last drain that was called off go on. */
  reopened(): Promise<unknown> {
    return this.#thawing;
  }

  /** Something changed at a session or an attachment. */
  changed(): void {
    if (this.#observing || this.#state.plan === undefined) return;
    this.#observing = true;
    this.#deps.clock.after(this.#pauseMs, () => {
      this.#observing = false;
      this.#look();
    });
  }

  /** There is one session more. */
  sessionOpened(): void {
    this.#notify();
    this.changed();
  }

  /** A session is over. */
  sessionEnded(kind: string): void {
    if (kind === 'moved') this.#sessions.moved();
    else if (this.#state.plan !== undefined && kind !== 'forced') this.#sessions.finished();
    // In a drain sessions end by the hundred, and each who listens looks at all that are left.
    if (this.#state.plan === undefined) this.#notify();
    else this.changed();
  }

  /** A session has moved to a newer instance: its client is told to attach again, which leads it there. */
  movedAway(driver: SessionDriver): void {
    const ready = { ...this.#sessions.drain(DrainPhase.READY, this.#state), fate: SessionFate.KEPT };
    driver.end({ kind: 'moved', message: 'A newer worker has the session.' }, [driver.link.drainMessage(ready)]);
  }

  /** Stops timers and retries; the process ends. */
  close(): void {
    this.#stop.abort(new PaneletError('OPERATION_REFUSED', 'The worker ends.'));
    this.#timer?.stop();
    this.#retirement.close();
    this.#listeners.clear();
  }

  status(): GateStatus {
    const seen = { tally: this.#sessions.tally(), isIdle: this.#isIdle, retirement: this.#retirement };
    return gateStatusOf(this.#state, seen, this.#deps.facts, this.#deps.clock.nowMs());
  }

  /** Sessions that killing the process now would lose. */
  unsafe(): number {
    return this.#sessions.unsafe();
  }

  drainFor(driver?: SessionDriver): Drain | undefined {
    return this.#sessions.drainFor(this.#state, driver) ?? this.#countdown();
  }

  /** What clients are told while no drain is under way: when their session ends at the latest. */
  #countdown(): Drain | undefined {
    const { remainingMs } = this.#retirement;
    if (remainingMs === undefined || this.#state.plan !== undefined) return undefined;
    return this.#sessions.countdown(DrainPhase.NOTICE, remainingMs, retirementReason);
  }

  #tellRetirement(what: 'new' | 'changed'): void {
    if (this.#state.plan !== undefined) return;
    const cancelled =
      what === 'changed' ? this.#sessions.countdown(DrainPhase.CANCELLED, 0, retirementReason) : undefined;
    // A client takes a later end for news only when the earlier one was called off.
    for (const told of [cancelled, this.#countdown()]) if (told !== undefined) this.#sessions.tell(told);
  }

  /** There is more time than its own drain knew of, and nobody has been ended yet. */
  #callOwnEndOff(fence: Fence): void {
    const { cordon, plan, phase } = this.#state;
    if (cordon?.isOwn !== true || plan === undefined || endedPhases.has(phase)) return;
    this.#apply({ kind: 'uncordon', fence, anyRestart: true });
    this.#observe();
  }

  #expire(): void {
    this.#apply({ kind: 'expire', timeoutMs: expiryMs, reason: retirementReason });
    this.#observe();
  }

  #apply(event: DrainEvent): string | undefined {
    const { clock, rules, log } = this.#deps;
    const before = this.#state;
    const { state, effects, refusal } = transition(before, event, clock.nowMs(), rules);
    this.#state = state;
    if (state.phase !== before.phase) {
      log.info({ from: before.phase, to: state.phase, restartUid: state.cordon?.fence.restartUid }, 'The gate moves');
    }
    for (const effect of effects) this.#run(effect, before);
    if (state.phase !== before.phase) this.#notify();
    return refusal;
  }

  /** Observes from a timer: a bug here must not end every session with the process. */
  #look(): void {
    if (this.#stop.signal.aborted) return;
    try {
      this.#observe();
    } catch (err) {
      this.#deps.log.error({ err }, 'The gate could not look at its sessions');
      this.#schedule();
    }
  }

  #observe(): void {
    const { clock } = this.#deps;
    const fromMs = clock.nowMs();
    for (;;) {
      const before = this.#state;
      this.#keepUp();
      const facts = this.#sessions.facts();
      this.#isIdle = isIdle(facts, this.#deps.rules);
      this.#apply({ kind: 'observe', facts });
      if (this.#state === before) break;
    }
    this.#schedule();
    this.#notify();
    // A look at many sessions takes its time, and so does telling of it.
    this.#pauseMs = Math.min(lookMs, Math.max(soonMs, restAfter(clock.nowMs() - fromMs)));
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
    if (Number.isFinite(waitMs)) this.#timer = clock.after(waitMs, () => this.#look());
  }

  #run(effect: DrainEffect, before: DrainState): void {
    const sessions = this.#sessions;
    switch (effect.kind) {
      case 'refuse-new':
        this.#deps.onAdmission(false);
        break;
      case 'admit-new':
        this.#deps.onAdmission(this.admitsNew);
        // Its time may have come while a restart had a drain under way.
        if (this.#retirement.isActive) this.#deps.clock.after(0, () => this.#retirement.look());
        break;
      case 'notice':
        sessions.notice(this.#state);
        break;
      case 'freeze':
        sessions.freeze(effect.who);
        break;
      case 'ease':
        sessions.ease(this.#state, this.#stop.signal);
        break;
      case 'flush':
        sessions.tellFrozen(this.#state);
        sessions.flush();
        break;
      case 'seal':
        sessions.seal('all');
        break;
      case 'force':
        sessions.force(effect, this.#state);
        break;
      case 'release':
        sessions.release(this.#state);
        break;
      case 'receipt':
        this.#receipt = receiptOf(this.#state, sessions.tally(), this.#deps.facts, this.#deps.clock.nowMs());
        break;
      case 'reopen':
        this.#receipt = undefined;
        this.#isIdle = false;
        this.#thawing = sessions.reopen(before, this.#stop.signal).then(() => this.#tellRetirement('new'));
        break;
      default:
        unreachable(effect);
    }
  }

  // Sessions that came up late, or whose checkpoint failed, catch up with the state of the gate.
  #keepUp(): void {
    const { phase, wave } = this.#state;
    const isWrittenDown = phase === 'QUIESCED' || phase === 'CHECKPOINTED';
    if (isWrittenDown || wave?.kind === 'closing') this.#sessions.freeze('all');
    if (!isWrittenDown) return;
    this.#sessions.tellFrozen(this.#state);
    this.#sessions.seal(phase === 'QUIESCED' ? 'flushed' : 'all');
  }
}
