import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { fencingOf, nextTransitions, raisedAnnotation, raiseLimit } from './fencing-count.js';
import { leases, type KubeApi, type ObjectKey } from '#kube/api.js';
import { microTime } from '#kube/micro-time.js';
import type { Lease } from '#kube/objects.js';

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
  const { api, lease: key, identity, clock, random, log } = deps;
  const { leaseMs = 15_000, renewDeadlineMs = 10_000, retryMs = 2_000 } = deps;
  let observed: Observed | undefined;
  let held: Lease | undefined;

  const specOf = (transitions: number, acquireTime?: string): Lease['spec'] => ({
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1000)),
    acquireTime: acquireTime ?? microTime(clock.date()),
    renewTime: microTime(clock.date()),
    leaseTransitions: transitions,
  });

  const look = async (): Promise<Lease | undefined> => {
    try {
      return await api.get(leases, key);
    } catch (error) {
      if (isPaneletError(error, 'API_NOT_FOUND')) return undefined;
      throw error;
    }
  };

  const isHeldByOther = (lease: Lease): boolean => {
    const holder = lease.spec?.holderIdentity ?? '';
    const text = JSON.stringify([lease.metadata.uid, lease.spec]);
    if (observed?.text !== text) observed = { text, atMs: clock.nowMs() };
    if (holder === '' || holder === identity) return false;
    const theirsMs = (lease.spec?.leaseDurationSeconds ?? 15) * 1000;
    return clock.nowMs() < observed.atMs + theirsMs;
  };

  const patch = async (lease: Lease, spec: Lease['spec'], annotations?: Record<string, string>): Promise<Lease> => {
    const { resourceVersion, uid } = lease.metadata;
    const metadata = { resourceVersion, uid, ...(annotations === undefined ? {} : { annotations }) };
    return api.patch(leases, key, { metadata, spec });
  };

  /** Takes or renews the lease; false while another one has it. */
  const tryHold = async (): Promise<boolean> => {
    const lease = await look();
    if (lease === undefined) {
      held = await api.create(leases, { metadata: { ...key }, spec: specOf(0) } as Lease);
      return true;
    }
    if (isHeldByOther(lease)) return false;
    const mine = lease.spec?.holderIdentity === identity;
    // One that had it and finds it with another holder, or with none, has lost it.
    if (held !== undefined && !mine) return false;
    const transitions = nextTransitions(lease, { isNewLeader: !mine });
    held = await patch(lease, specOf(transitions, mine ? lease.spec.acquireTime : undefined));
    return true;
  };

  const attempt = async (): Promise<boolean> => {
    try {
      return await tryHold();
    } catch (error) {
      if (isPaneletError(error, 'API_CONFLICT')) log.debug({ err: error }, 'lease changed meanwhile');
      else log.warn({ err: error }, 'lease not reached');
      return false;
    }
  };

  const pause = (signal: AbortSignal, atMostMs = Infinity): Promise<void> =>
    sleep(clock, Math.min(atMostMs, retryMs * (1 + 0.2 * random.number())), signal).catch(() => undefined);

  const acquire = async (signal: AbortSignal): Promise<boolean> => {
    while (!signal.aborted) {
      if (await attempt()) return true;
      await pause(signal);
    }
    return false;
  };

  /** Renews until the signal aborts (true) or the deadline passes without a renewal (false). */
  const keep = async (signal: AbortSignal): Promise<boolean> => {
    let renewedMs = clock.nowMs();
    for (;;) {
      await pause(signal, Math.max(0, renewedMs + renewDeadlineMs - clock.nowMs()));
      if (signal.aborted) return true;
      const startMs = clock.nowMs();
      const renewed = await attemptWithin(renewedMs + renewDeadlineMs - startMs, signal);
      if (renewed) renewedMs = startMs;
      else if (clock.nowMs() - renewedMs >= renewDeadlineMs) return false;
    }
  };

  /** An attempt whose answer counts only if it comes in time. */
  const attemptWithin = async (limitMs: number, signal: AbortSignal): Promise<boolean> => {
    try {
      return await withDeadline({ clock, limitMs: Math.max(0, limitMs), signals: [signal] }, attempt);
    } catch {
      return false;
    }
  };

  const release = async (): Promise<void> => {
    const lease = await look();
    if (lease?.spec?.holderIdentity !== identity) return;
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.date()) };
    await patch(lease, spec);
  };

  const raise = async (above: number): Promise<void> => {
    const lease = await look();
    if (lease?.spec?.holderIdentity !== identity) return;
    if (fencingOf(lease) > above || above >= raiseLimit(lease, clock.date())) return;
    const raisedAt = { [raisedAnnotation]: clock.date().toISOString() };
    held = await patch(lease, { ...lease.spec, leaseTransitions: above }, raisedAt);
    log.warn({ fencing: fencingOf(held) }, 'fencing number raised above the one an agent knows');
  };

  return {
    run: async (signal, lead) => {
      held = undefined;
      if (!(await acquire(signal))) return 'never led';
      const over = new AbortController();
      const fencing = (): number => fencingOf(held);
      const fencingLimit = (): number => raiseLimit(held, clock.date());
      log.info({ identity, fencing: fencing() }, 'leading');
      const work = lead({ fencing, fencingLimit, raise, signal: over.signal });
      const ended = new AbortController();
      const stop = (): void => ended.abort();
      signal.addEventListener('abort', stop, { once: true });
      work.catch(() => undefined).finally(stop);
      if (signal.aborted) stop();
      const kept = await keep(ended.signal);
      signal.removeEventListener('abort', stop);
      over.abort();
      if (!kept) {
        log.error({ identity }, 'lease lost');
        return 'lost';
      }
      await work;
      await release().catch((error: unknown) => log.warn({ err: error }, 'lease not released'));
      log.info({ identity }, 'lease released');
      return 'released';
    },
  };
}
