import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { fencingOf, nextTransitions, raisedAnnotation, raiseLimit } from './fencing-count.js';
import { leases, type KubeApi, type ObjectKey } from '#kube/api.js';
import { microTime } from '#common/time/micro-time.js';
import type { Lease, OwnerReference } from '#kube/objects.js';

/** What an elector is made of. */
export interface LeaderElectorDeps {
  readonly api: KubeApi;
  readonly lease: ObjectKey;
  /** Name of this process: another one after every start, so that a change of leader is always counted. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How long a lease holds without a renewal, in milliseconds. @default 15000 */
  readonly leaseMs?: number;
  /** How long a leader tries to renew before it gives up, shorter than `leaseMs`. @default 10000 */
  readonly renewDeadlineMs?: number;
  /** Time between tries. @default 2000 */
  readonly retryMs?: number;
}

/** What a leader has. */
export interface Lead {
  /** Rises with every change of leader; at least 1. */
  fencing(): number;
  /** The highest number that {@link Lead.raise} may come to now. */
  fencingLimit(): number;
  /** The lease as an owner of other objects; undefined where the server did not say its uid. */
  lease(): OwnerReference | undefined;
  /** Makes {@link Lead.fencing} higher than `above`, where {@link Lead.fencingLimit} allows it. */
  raise(above: number): Promise<void>;
  /** Aborts when the lead is lost or given up. */
  readonly signal: AbortSignal;
}

/** Leads when it may. */
export interface LeaderElector {
  /**
   * Waits for the lease, leads, and returns when the lead is over: `released` after the signal aborted and the lease was
   * given back, `lost` when it could not be renewed.
   */
  run(signal: AbortSignal, lead: (lead: Lead) => Promise<void>): Promise<'released' | 'lost' | 'never led'>;
}

/** The lease as it was last seen, and when that was on this machine's own clock. */
interface Observed {
  readonly text: string;
  readonly atMs: number;
}

/**
 * Leader election over a Lease, as client-go does it: whether another leader's lease has run out is judged by how long
 * this process has seen it unchanged, never by the times in it, so that clocks may differ.
 */
export function createLeaderElector(deps: LeaderElectorDeps): LeaderElector {
  return new LeaseElector(deps);
}

class LeaseElector implements LeaderElector {
  readonly #deps: LeaderElectorDeps;
  readonly #leaseMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  #observed: Observed | undefined;
  /** The lease as this process last wrote it. */
  #held: Lease | undefined;

  constructor(deps: LeaderElectorDeps) {
    this.#deps = deps;
    this.#leaseMs = deps.leaseMs ?? 15_000;
    this.#renewDeadlineMs = deps.renewDeadlineMs ?? 10_000;
    this.#retryMs = deps.retryMs ?? 2_000;
  }

  async run(signal: AbortSignal, lead: (lead: Lead) => Promise<void>): Promise<'released' | 'lost' | 'never led'> {
    const { identity, log } = this.#deps;
    this.#held = undefined;
    if (!(await this.#acquire(signal))) return 'never led';
    const over = new AbortController();
    log.info({ identity, fencing: fencingOf(this.#held) }, 'Leading');
    const work = lead(this.#leadUntil(over.signal));
    const kept = await this.#keepDuring(work, signal);
    over.abort();
    if (!kept) {
      log.error({ identity }, 'Lease lost');
      return 'lost';
    }
    await work;
    await this.#release().catch((error: unknown) => log.warn({ err: error }, 'Lease not released'));
    log.info({ identity }, 'Lease released');
    return 'released';
  }

  #leadUntil(signal: AbortSignal): Lead {
    return {
      fencing: () => fencingOf(this.#held),
      fencingLimit: () => raiseLimit(this.#held, this.#deps.clock.date()),
      lease: () => this.#ownerReference(),
      raise: (above) => this.#raise(above),
      signal,
    };
  }

  #ownerReference(): OwnerReference | undefined {
    const { name, uid } = this.#held?.metadata ?? {};
    if (name === undefined || uid === undefined) return undefined;
    return { apiVersion: `${leases.group}/${leases.version}`, kind: leases.kind, name, uid };
  }

  async #raise(above: number): Promise<void> {
    const { clock, log } = this.#deps;
    const lease = await this.#ownLease();
    if (lease === undefined || fencingOf(lease) > above || above >= raiseLimit(lease, clock.date())) return;
    const raisedAt = { [raisedAnnotation]: clock.date().toISOString() };
    this.#held = await this.#patch(lease, { ...lease.spec, leaseTransitions: above }, raisedAt);
    log.warn({ fencing: fencingOf(this.#held) }, 'Fencing number raised above the one an agent knows');
  }

  async #acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#attempt()) return true;
      await this.#pause(signal);
    }
    return false;
  }

  /** Renews until the work ends or the signal aborts (true), or the lease could not be renewed in time (false). */
  async #keepDuring(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
    const ended = new AbortController();
    const stop = (): void => ended.abort();
    signal.addEventListener('abort', stop, { once: true });
    work.catch(() => undefined).finally(stop);
    if (signal.aborted) stop();
    const kept = await this.#keep(ended.signal);
    signal.removeEventListener('abort', stop);
    return kept;
  }

  /** Renews until the signal aborts (true) or the deadline passes without a renewal (false). */
  async #keep(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    let renewedMs = clock.nowMs();
    for (;;) {
      await this.#pause(signal, Math.max(0, renewedMs + this.#renewDeadlineMs - clock.nowMs()));
      if (signal.aborted) return true;
      const startMs = clock.nowMs();
      const renewed = await this.#attemptWithin(renewedMs + this.#renewDeadlineMs - startMs, signal);
      if (renewed) renewedMs = startMs;
      else if (clock.nowMs() - renewedMs >= this.#renewDeadlineMs) return false;
    }
  }

  /** An attempt whose answer counts only if it comes in time. */
  async #attemptWithin(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    try {
      return await withDeadline({ clock, limitMs: Math.max(0, limitMs), signals: [signal] }, () => this.#attempt());
    } catch {
      return false;
    }
  }

  async #attempt(): Promise<boolean> {
    const { log } = this.#deps;
    try {
      return await this.#tryHold();
    } catch (error) {
      if (isPaneletError(error, 'API_CONFLICT')) log.debug({ err: error }, 'Lease changed meanwhile');
      else log.warn({ err: error }, 'Lease not reached');
      return false;
    }
  }

  /** Takes or renews the lease; false while another one has it. */
  async #tryHold(): Promise<boolean> {
    const { api, lease: key, identity } = this.#deps;
    const lease = await this.#look();
    if (lease === undefined) {
      this.#held = await api.create(leases, { metadata: { ...key }, spec: this.#specOf(0) } as Lease);
      return true;
    }
    if (this.#isHeldByOther(lease)) return false;
    const mine = lease.spec?.holderIdentity === identity;
    // One that had it and finds it with another holder, or with none, has lost it.
    if (this.#held !== undefined && !mine) return false;
    const transitions = nextTransitions(lease, { isNewLeader: !mine });
    this.#held = await this.#patch(lease, this.#specOf(transitions, mine ? lease.spec.acquireTime : undefined));
    return true;
  }

  #isHeldByOther(lease: Lease): boolean {
    const { identity, clock } = this.#deps;
    const holder = lease.spec?.holderIdentity ?? '';
    const text = JSON.stringify([lease.metadata.uid, lease.spec]);
    if (this.#observed?.text !== text) this.#observed = { text, atMs: clock.nowMs() };
    if (holder === '' || holder === identity) return false;
    const theirsMs = (lease.spec?.leaseDurationSeconds ?? 15) * 1000;
    return clock.nowMs() < this.#observed.atMs + theirsMs;
  }

  #specOf(transitions: number, acquireTime?: string): Lease['spec'] {
    const { identity, clock } = this.#deps;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(this.#leaseMs / 1000)),
      acquireTime: acquireTime ?? microTime(clock.date()),
      renewTime: microTime(clock.date()),
      leaseTransitions: transitions,
    };
  }

  async #release(): Promise<void> {
    const lease = await this.#ownLease();
    if (lease === undefined) return;
    const renewTime = microTime(this.#deps.clock.date());
    await this.#patch(lease, { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime });
  }

  /** The lease as the server has it; undefined when that names another holder. */
  async #ownLease(): Promise<Lease | undefined> {
    const lease = await this.#look();
    return lease?.spec?.holderIdentity === this.#deps.identity ? lease : undefined;
  }

  async #look(): Promise<Lease | undefined> {
    const { api, lease: key } = this.#deps;
    try {
      return await api.get(leases, key);
    } catch (error) {
      if (isPaneletError(error, 'API_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  #patch(lease: Lease, spec: Lease['spec'], annotations?: Record<string, string>): Promise<Lease> {
    const { api, lease: key } = this.#deps;
    const { resourceVersion, uid } = lease.metadata;
    const metadata = { resourceVersion, uid, ...(annotations === undefined ? {} : { annotations }) };
    return api.patch(leases, key, { metadata, spec });
  }

  #pause(signal: AbortSignal, atMostMs = Infinity): Promise<void> {
    const { clock, random } = this.#deps;
    const pauseMs = this.#retryMs * (1 + 0.2 * random.number());
    return sleep(clock, Math.min(atMostMs, pauseMs), signal).catch(() => undefined);
  }
}
