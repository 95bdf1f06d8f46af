import type { Clock } from '#common/time/clock.js';
import { sleep } from '#common/time/clock.js';
import { messageOf } from '#common/errors/errors.js';
import { linkSignals, withDeadline } from '#common/time/deadline.js';
import { msToDuration } from '#common/time/duration.js';
import type { Log } from '#common/log.js';
import {
  OnTimeout,
  State,
  type CordonRequest,
  type DrainRequest,
  type Receipt,
  type SessionCounts,
} from '#proto/gate/v1/gate.js';
import type { ShutdownResponse } from '#proto/worker/v1/worker.js';
import type { Cordons } from '../gate/cordons.js';
import { drainWorker } from '../gate/drain.js';
import { callTimeoutMs, cordonWorker } from '../gate/worker-calls.js';
import { callWorker } from '../workers/call-worker.js';
import {
  isRetirement,
  retirementPrefix,
  viewWorker,
  type NodeWorker,
  type WorkerView,
} from '../workers/node-worker.js';
import type { Registry } from '../workers/registry.js';
import { targetOf } from '../workers/worker-command.js';

/** What retiring workers needs. */
export interface RetirementDeps {
  readonly registry: Pick<Registry, 'changes' | 'workers' | 'remove'>;
  readonly cordons: Pick<Cordons, 'get'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Name of this life of the agent. */
  readonly instance: string;
}

/** How a worker that retired has ended. */
export interface Retired {
  /** What its drain came to; undefined where it ended without one. */
  readonly counts: SessionCounts | undefined;
}

const reason = 'A newer worker of this panel takes over.';
const noticeMs = 10_000;
const timeoutMs = 60_000;
const leaseMs = 60_000;
const renewMs = leaseMs / 3;
const againMs = 1_000;
// A worker that was told to end ends what its sessions have started, first.
const exitMs = 15_000;
const termMs = 5_000;

type UpView = Extract<WorkerView, { kind: 'up' }>;

/**
 * Brings a worker that retires to its end: new sessions are refused, those that can be written down move or are sealed, those that cannot are
 * waited for, and only a worker that has none is told to end. A restart of the node goes first; what is left goes on after it.
 * @throws the signal's reason when it aborts
 */
export async function retireWorker(deps: RetirementDeps, worker: NodeWorker, signal: AbortSignal): Promise<Retired> {
  const { registry, clock, log } = deps;
  for (;;) {
    const view = await registry.changes.until(() => turnOf(deps, worker), signal);
    if (view === 'gone') return { counts: undefined };
    try {
      const receipt = await retireOnce(deps, { worker, view, signal });
      if (receipt !== undefined) return { counts: receipt.counts };
    } catch (err) {
      signal.throwIfAborted();
      log.warn({ err, panel: worker.panel.name }, 'A worker cannot be retired now; it is tried again');
    }
    await sleep(clock, againMs, signal);
  }
}

/** Undefined while somebody else has a say: a restart of the node, or the removal of the panel. */
function turnOf({ registry, cordons }: RetirementDeps, worker: NodeWorker): UpView | 'gone' | undefined {
  if (worker.stage === 'gone' || !registry.workers().includes(worker)) return 'gone';
  const view = viewWorker(worker);
  // Of agents that share the workers of a host, one does it.
  if (
    view.kind !== 'up' ||
    worker.supervisor === undefined ||
    worker.leaving ||
    cordons.get(targetOf(worker.panel)) !== undefined
  )
    return undefined;
  return view.status.state === State.SERVING || isRetirement(view.status) ? view : undefined;
}

interface Turn {
  readonly worker: NodeWorker;
  readonly view: UpView;
  readonly signal: AbortSignal;
}

/** @returns the receipt once the worker has ended; undefined when it goes on */
async function retireOnce(deps: RetirementDeps, { worker, view, signal }: Turn): Promise<Receipt | undefined> {
  const request = requestFor(deps, worker, view);
  const over = new AbortController();
  const { signal: either, unlink } = linkSignals([over.signal, signal]);
  // Its lease ends the drain by itself where no agent is left that renews it.
  const renewing = renew(deps, worker, { request, signal: either }).catch(() => undefined);
  try {
    const link = worker.link.state();
    if (link.kind === 'up' && !link.about.checkpointable) await untilEmpty(deps, worker, { request, signal: either });
    const { changes } = deps.registry;
    const outcome = await drainWorker({ worker, request, changes, signal: either, onStatus: () => undefined });
    if (outcome.kind !== 'receipt') return undefined;
    over.abort(new Error('drained'));
    return (await endDrained(deps, worker, signal)) ? outcome.receipt : undefined;
  } finally {
    over.abort(new Error('over'));
    unlink();
    await renewing;
  }
}

function requestFor({ instance }: RetirementDeps, worker: NodeWorker, { status }: UpView): DrainRequest {
  const { panel, number } = worker;
  // An agent that was here before may have begun it.
  const restartUid = isRetirement(status)
    ? status.restartUid
    : `${retirementPrefix}${instance}-${panel.name}-${number}`;
  return {
    command: { restartUid, fencing: status.fencing, generation: 1 },
    target: targetOf(panel),
    notice: msToDuration(noticeMs),
    timeout: msToDuration(timeoutMs),
    onTimeout: OnTimeout.WAIT,
    lease: msToDuration(leaseMs),
    reason,
  };
}

interface Leased {
  readonly request: CordonRequest;
  readonly signal: AbortSignal;
}

/** Refuses what is new, and goes on to, while this turn lasts. */
async function renew(deps: RetirementDeps, worker: NodeWorker, { request, signal }: Leased): Promise<void> {
  for (;;) {
    await sleep(deps.clock, renewMs, signal);
    const view = viewWorker(worker);
    if (view.kind !== 'up' || !isRetirement(view.status)) continue;
    await cordonOnce(deps, view, request).catch((err: unknown) => {
      deps.log.info({ err, panel: worker.panel.name }, 'The lease of a worker that retires was not renewed');
    });
  }
}

async function cordonOnce({ clock }: RetirementDeps, { clients }: UpView, request: CordonRequest): Promise<void> {
  await cordonWorker(clients, request, { clock, timeoutMs: callTimeoutMs });
}

/** Sessions that cannot be written down are not told of a drain that would wait for them for days. */
async function untilEmpty(deps: RetirementDeps, worker: NodeWorker, { request, signal }: Leased): Promise<void> {
  const view = viewWorker(worker);
  if (view.kind !== 'up') throw new Error('The worker does not answer.');
  await cordonOnce(deps, view, request);
  await deps.registry.changes.until(() => {
    const now = viewWorker(worker);
    if (now.kind === 'absent') return true;
    if (now.kind !== 'up') return undefined;
    // A restart of the node has taken it back, or its lease has run out.
    if (now.clients !== view.clients) throw new Error('The connection to the worker was lost.');
    if (deps.cordons.get(request.target) !== undefined) throw new Error('A restart of the node goes first.');
    return now.status.sessions === 0 && isRetirement(now.status) ? true : undefined;
  }, signal);
}

/** @returns false when the worker has sessions after all */
async function endDrained(deps: RetirementDeps, worker: NodeWorker, signal: AbortSignal): Promise<boolean> {
  const { registry, clock, log } = deps;
  const view = viewWorker(worker);
  if (view.kind === 'up') {
    const { worker: service } = view.clients;
    const bounds = { clock, timeoutMs: callTimeoutMs };
    try {
      await callWorker<ShutdownResponse>((...rest) => service.shutdown({ force: false }, ...rest), bounds);
    } catch (error) {
      log.warn(
        { reason: messageOf(error), panel: worker.panel.name },
        'A drained worker did not take the order to end',
      );
      return worker.stage === 'gone';
    }
  }
  const isGone = (): true | undefined => (worker.stage === 'gone' ? true : undefined);
  try {
    const bounds = { clock, limitMs: exitMs, signals: [signal] };
    await withDeadline(bounds, (either) => registry.changes.until(isGone, either));
  } catch {
    signal.throwIfAborted();
    // It has given its receipt: nothing is lost by that.
    await worker.supervisor?.stop(termMs);
    worker.stage = 'gone';
    registry.remove(worker);
  }
  return true;
}
