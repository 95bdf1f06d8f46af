import type { Clock } from '#common/clock.js';
import { PaneletError } from '#common/errors.js';
import type { Target } from '#proto/gate/v1/gate.js';
import type { Changes } from '../changes.js';
import { viewUnit, type Unit, type UnitView } from '../workers/unit.js';
import { targetOf } from '../workers/worker-command.js';
import type { WorkerClients } from '../workers/worker-link.js';

/** The workers of the node, as the gate uses them. */
export interface Members {
  readonly changes: Changes;
  units(): readonly Unit[];
}

/** A worker of the target that answers. */
export interface LiveMember {
  readonly unit: Unit;
  readonly view: Extract<UnitView, { kind: 'up' }>;
  readonly clients: WorkerClients;
}

/** Units of one target. */
export function unitsOf(members: Members, target: Target): readonly Unit[] {
  return members.units().filter((unit) => targetOf(unit.panel) === target);
}

/** Units that answer. */
export function liveMembers(units: readonly Unit[]): readonly LiveMember[] {
  return units.flatMap((unit) => {
    const view = viewUnit(unit);
    return view.kind === 'up' ? [{ unit, view, clients: view.clients }] : [];
  });
}

/**
 * Waits until it is certain of each worker of the target whether it is up or absent.
 * @throws PaneletError WORKER_UNAVAILABLE that names the panel, when one stays unknown.
 */
export async function settleMembers(
  members: Members,
  target: Target,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<readonly LiveMember[]> {
  const unknown = (): Unit | undefined => unitsOf(members, target).find((unit) => viewUnit(unit).kind === 'unknown');
  const late = new AbortController();
  const timer = clock.after(limitMs, () => {
    const name = unknown()?.panel.name ?? '';
    late.abort(new PaneletError('WORKER_UNAVAILABLE', `The worker of panel "${name}" does not answer.`));
  });
  try {
    await members.changes.until(() => (unknown() === undefined ? true : undefined), late.signal);
  } finally {
    timer.stop();
  }
  return liveMembers(unitsOf(members, target));
}

/** Waits until the watches of the workers show a change that they have answered already; at most `limitMs`. */
export async function untilSeen(
  members: Members,
  isSeen: () => boolean,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<void> {
  const late = new AbortController();
  const timer = clock.after(limitMs, () => late.abort(new Error('not seen')));
  try {
    await members.changes.until(() => (isSeen() ? true : undefined), late.signal);
  } catch {
    // The answer then shows what was known before; nothing depends on it.
  } finally {
    timer.stop();
  }
}
