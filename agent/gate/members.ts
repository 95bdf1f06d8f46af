import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Target } from '#proto/gate/v1/gate.js';
import type { Changes } from '#common/changes.js';
import { viewUnit, type Unit, type UnitView } from '../workers/unit.js';
import { targetOf } from '../workers/worker-command.js';
import type { WorkerClients } from '../workers/worker-clients.js';

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
  const error = (): PaneletError => unanswered(unknown()?.panel.name ?? '');
  const isCertain = (): true | undefined => (unknown() === undefined ? true : undefined);
  await withDeadline({ clock, limitMs, error }, (signal) => members.changes.until(isCertain, signal));
  return liveMembers(unitsOf(members, target));
}

/** Waits until the watches of the workers show a change that they have answered already; at most `limitMs`. */
export async function untilSeen(
  members: Members,
  isSeen: () => boolean,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<void> {
  try {
    await withDeadline({ clock, limitMs }, (signal) => members.changes.until(() => isSeen() || undefined, signal));
  } catch {
    // The answer then shows what was known before; nothing depends on it.
  }
}

/** Says which panel's worker does not answer. */
export function unanswered(panel: string, cause?: unknown): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', `The worker of panel "${panel}" does not answer.`, { cause });
}
