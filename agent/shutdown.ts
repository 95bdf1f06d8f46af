import { msToDuration } from '#common/duration.js';
import { Target, type Command } from '#proto/gate/v1/gate.js';
import type { HandoffResponse } from '#proto/worker/v1/worker.js';
import { shutdownPrefix } from './gate/admission.js';
import { liveMembers, unitsOf } from './gate/members.js';
import type { Cordons } from './gate/cordons.js';
import type { DrainOutcome } from './gate/drain.js';
import { drainForEnd, endUnit, knownFencing, type RetireDeps } from './retire.js';
import { unary } from './unary.js';
import type { Unit } from './workers/unit.js';

/** What the end of an agent needs. */
export interface ShutdownDeps extends RetireDeps {
  readonly cordons: Cordons;
  /** Bound of the whole drain. */
  readonly graceMs: number;
  /** Aborts when somebody is in a hurry: the drain's deadline is now. */
  readonly hurry: AbortSignal;
}

const reason = 'The agent of this node restarts.';
const handoffMs = 2_000;
// Of the grace period: ending the processes and handing over need time too.
const reserveMs = 3_000;
const hurriedMs = 500;

/**
 * Drains the workers that go with the agent, ends them, and hands the clients of the others over. Resolves with true
 * when nothing was forced.
 */
export async function shutDownWorkers(deps: ShutdownDeps): Promise<boolean> {
  const { registry } = deps;
  registry.holdAttaches();
  const going = unitsOf(registry, Target.AGENT);
  const clean = await Promise.all(
    going.map(async (unit) => {
      const drained = await drainUnitForShutdown(deps, unit);
      return (await endUnit(deps, unit)) && drained;
    }),
  );
  await handOver(deps);
  return clean.every(Boolean);
}

async function drainUnitForShutdown(deps: ShutdownDeps, unit: Unit): Promise<boolean> {
  const inForce = deps.cordons.get(Target.AGENT);
  const command = {
    restartUid: inForce?.restartUid ?? `${shutdownPrefix}${deps.instance}`,
    fencing: Math.max(inForce?.fencing ?? 0, knownFencing(unit)),
    generation: inForce?.generation ?? 1,
  };
  const timeoutMs = Math.max(hurriedMs, deps.graceMs - reserveMs);
  const limitMs = timeoutMs + reserveMs / 2;
  const endMs = deps.clock.nowMs() + limitMs;
  const outcome = await drainForEnd(deps, unit, { command, timeoutMs, limitMs, reason, signal: deps.hurry });
  if (outcome !== undefined) return lostNothing(outcome);
  return deps.hurry.aborted && deps.clock.nowMs() < endMs ? await drainHurried(deps, unit, command) : false;
}

// Skips nothing: the same drain with a deadline that is now.
async function drainHurried(deps: ShutdownDeps, unit: Unit, command: Command): Promise<boolean> {
  const outcome = await drainForEnd(deps, unit, { command, timeoutMs: hurriedMs, limitMs: hurriedMs * 3, reason });
  return outcome !== undefined && lostNothing(outcome);
}

// Where no worker is, there is nothing to lose.
function lostNothing(outcome: DrainOutcome): boolean {
  return outcome.kind === 'absent' || (outcome.kind === 'receipt' && (outcome.receipt.counts?.forced ?? 0) === 0);
}

async function handOver({ registry, clock, log }: ShutdownDeps): Promise<void> {
  const staying = liveMembers(unitsOf(registry, Target.HOST));
  await Promise.all(
    staying.map(async ({ clients, unit }) => {
      const request = { reason, retryAfter: msToDuration(0) };
      try {
        await unary<HandoffResponse>((...rest) => clients.worker.handoff(request, ...rest), {
          clock,
          timeoutMs: handoffMs,
        });
      } catch (error) {
        log.warn(
          { err: error, panel: unit.panel.name },
          'A worker could not hand its clients over; they notice the loss',
        );
      }
    }),
  );
}
