import { withDeadline } from '#common/time/deadline.js';
import { msToDuration } from '#common/time/duration.js';
import { Target, type Command } from '#proto/gate/v1/gate.js';
import type { HandoffResponse } from '#proto/worker/v1/worker.js';
import { shutdownPrefix } from '../gate/admission.js';
import { killedWith, liveWorkers } from '../gate/node-workers.js';
import type { Cordons } from '../gate/cordons.js';
import type { DrainOutcome } from '../gate/drain.js';
import { drainForEnd, endCommand, endWorker, removalUid, type EndBounds, type EndWorkerDeps } from './end-worker.js';
import { answering } from '../workers/foreign-workers.js';
import { callWorker } from '../workers/call-worker.js';
import type { NodeWorker } from '../workers/node-worker.js';

/** What the end of an agent needs. */
export interface ShutdownDeps extends EndWorkerDeps {
  readonly cordons: Cordons;
  /** Bound of everything here, in milliseconds. */
  readonly graceMs: number;
  /** Aborts when somebody is in a hurry: the drain's deadline is now. */
  readonly hurry: AbortSignal;
}

const reason = 'The agent of this node restarts.';
// Of the grace period: a worker that has used all of its time may still say so; ending the processes and handing over
// need time too.
const reserveMs = 3_000;
const answerMs = 500;
const handoffMs = 500;
const killMs = 1_000;
const hurriedMs = 500;
// Clients go on meanwhile: they open their next attachments over another agent, if there is one.
const longestHandoffMs = 15_000;
// What is left for those that have not moved by then.
const readyMs = 500;
const longestEnd: EndBounds = { exitMs: 3_000, termMs: 2_000 };

/**
 * Drains the workers that go with the agent, ends them, and hands the clients of the others over. Resolves with true
 * when nothing was forced; at the end of the grace period at the latest, whatever a worker does.
 */
export async function shutDownWorkers(deps: ShutdownDeps): Promise<boolean> {
  const { registry, clock, graceMs, log } = deps;
  registry.holdAttaches();
  // Nothing is started any more.
  for (const worker of registry.workers()) worker.successor = undefined;
  const endMs = clock.nowMs() + Math.max(graceMs, reserveMs + hurriedMs);
  try {
    return await withDeadline({ clock, limitMs: endMs - clock.nowMs() }, () => endAll(deps, endMs));
  } catch (error) {
    log.error({ err: error }, 'The grace period is over; a worker was left as it is');
    return false;
  }
}

async function endAll(deps: ShutdownDeps, endMs: number): Promise<boolean> {
  const going = killedWith(deps.registry, Target.AGENT);
  const clean = await Promise.all(
    going.map(async (worker) => {
      const drained = await drainForShutdown(deps, worker);
      return (await endWorker(deps, worker, boundsUntil(endMs - deps.clock.nowMs()))) && drained;
    }),
  );
  await handOver(deps, Math.max(handoffMs, Math.min(longestHandoffMs, endMs - deps.clock.nowMs())));
  return clean.every(Boolean);
}

// The longest that leaves time for SIGKILL and for handing over: 2/3 of the rest to end by itself, 1/3 by SIGTERM.
function boundsUntil(leftMs: number): EndBounds {
  const shareMs = Math.max(0, leftMs - killMs - handoffMs) / 3;
  return { exitMs: Math.min(longestEnd.exitMs, 2 * shareMs), termMs: Math.min(longestEnd.termMs, shareMs) };
}

async function drainForShutdown(deps: ShutdownDeps, worker: NodeWorker): Promise<boolean> {
  const inForce = deps.cordons.get(Target.AGENT);
  // One that leaves is drained already: it is only told that there is less time.
  const own = worker.leaving ? removalUid(deps.instance, worker.panel.name) : `${shutdownPrefix}${deps.instance}`;
  const joins = inForce !== undefined && !worker.leaving;
  const command = endCommand(worker, {
    restartUid: joins ? inForce.restartUid : own,
    generation: joins ? inForce.generation : 1,
  });
  const timeoutMs = Math.max(hurriedMs, deps.graceMs - reserveMs);
  const limitMs = timeoutMs + answerMs;
  const endMs = deps.clock.nowMs() + limitMs;
  const outcome = await drainForEnd(deps, worker, {
    ...{ command, timeoutMs, limitMs, reason, signal: deps.hurry },
    ...(worker.leaving ? {} : { leavingAgent: deps.instance }),
  });
  if (outcome !== undefined) return lostNothing(outcome);
  return deps.hurry.aborted && deps.clock.nowMs() < endMs
    ? await drainHurried(deps, worker, { command, endMs })
    : false;
}

interface Hurried {
  readonly command: Command;
  readonly endMs: number;
}

// Skips nothing: the same drain with a deadline that is now.
async function drainHurried(deps: ShutdownDeps, worker: NodeWorker, { command, endMs }: Hurried): Promise<boolean> {
  const limitMs = Math.max(hurriedMs, Math.min(hurriedMs * 3, endMs - deps.clock.nowMs()));
  const outcome = await drainForEnd(deps, worker, { command, timeoutMs: hurriedMs, limitMs, reason });
  return outcome !== undefined && lostNothing(outcome);
}

// Where no worker is, there is nothing to lose.
function lostNothing(outcome: DrainOutcome): boolean {
  return outcome.kind === 'absent' || (outcome.kind === 'receipt' && (outcome.receipt.counts?.forced ?? 0) === 0);
}

async function handOver({ registry, clock, log, instance }: ShutdownDeps, timeoutMs: number): Promise<void> {
  const staying = liveWorkers(killedWith(registry, Target.HOST)).map(({ worker, clients }) => ({
    panel: worker.panel.name,
    clients,
  }));
  await Promise.all(
    [...staying, ...answering(registry.foreign())].map(async ({ panel, clients }) => {
      // The clients of another agent, which may be here already, have nothing to do with the end of this one.
      const within = timeoutMs > 2 * readyMs ? msToDuration(timeoutMs - readyMs) : undefined;
      const request = { reason, retryAfter: msToDuration(0), agentInstance: instance, within };
      try {
        await callWorker<HandoffResponse>((...rest) => clients.worker.handoff(request, ...rest), {
          clock,
          timeoutMs,
        });
      } catch (error) {
        log.warn({ err: error, panel }, 'A worker could not hand its clients over; they notice the loss');
      }
    }),
  );
}
