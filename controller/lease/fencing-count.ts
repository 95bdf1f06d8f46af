import { maxFencing } from '#common/fencing-number.js';
import type { Lease } from '#kube/objects.js';

/** Annotation of the lease that a person sets: the fencing number is at least this. For nodes that know a number which nobody can reach. */
export const floorAnnotation = 'panelet.dev/fencing-floor';
/** Annotation of the lease: when a leader raised its number above one that a node knew. */
export const raisedAnnotation = 'panelet.dev/fencing-raised-at';

const largestStep = 10_000;
const raiseEveryMs = 3_600_000;

/** The fencing number of whoever holds the lease. */
export function fencingOf(lease: Lease | undefined): number {
  return (lease?.spec?.leaseTransitions ?? 0) + 1;
}

/**
 * The count of the lease when it is taken (by a new leader) or renewed. A count that no series of leaders comes to, made up by somebody, begins
 * anew: Kubernetes would take no higher one, and nobody could lead.
 */
export function nextTransitions(lease: Lease, { isNewLeader }: { readonly isNewLeader: boolean }): number {
  const next = (lease.spec?.leaseTransitions ?? 0) + (isNewLeader ? 1 : 0);
  const possible = next < maxFencing ? next : 0;
  return Math.max(possible, floorOf(lease) - 1);
}

/**
 * The highest number that this lease may be raised to now because of what a node says: 10,000 more, once an hour. A lease that was deleted
 * or restored is above its nodes again at once; a node that lies needs twelve years to use the numbers up.
 */
export function raiseLimit(lease: Lease | undefined, now: Date): number {
  const current = fencingOf(lease);
  const raisedAt = Date.parse(lease?.metadata.annotations?.[raisedAnnotation] ?? '');
  // Also one in the future: clocks differ.
  const isSpent = Math.abs(now.getTime() - raisedAt) < raiseEveryMs;
  return isSpent ? current : Math.min(maxFencing, current + largestStep);
}

function floorOf(lease: Lease): number {
  const floor = Number(lease.metadata.annotations?.[floorAnnotation] ?? 0);
  return Number.isInteger(floor) && floor >= 0 && floor <= maxFencing ? floor : 0;
}
