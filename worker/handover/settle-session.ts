import type { Log } from '#common/log.js';
import type { InstanceName } from '#common/files/instances.js';
import type { SessionOwnership } from '../storage/session-ownership.js';
import type { MovingState } from './state-parts.js';

/** What settling a session needs. */
export interface SettleDeps {
  readonly own: InstanceName;
  readonly ownership: Pick<SessionOwnership, 'settle'>;
  /** Offers a session to an instance that claims it. @returns true when it has it; false when it has not, or nobody knows */
  readonly offer: (to: InstanceName, state: MovingState) => Promise<boolean>;
  readonly log: Log;
}

/**
 * Finds out whether this instance goes on with a session whose state it holds. It decides the incarnation, unless somebody was first, and
 * offers the session to whoever claims a higher one, as session/model/ownership tries it.
 * @returns the incarnation in which it goes on here; undefined when somebody else has it
 */
export async function settleSession(deps: SettleDeps, state: MovingState): Promise<number | undefined> {
  const { sessionId } = state;
  for (let { incarnation } = state; ;) {
    const settled = await deps.ownership.settle(sessionId, incarnation);
    if (settled === 'elsewhere') return undefined;
    if (settled === 'here') return incarnation;
    incarnation = settled.incarnation;
    const { instance } = settled;
    const isOthers = instance !== undefined && instance.id !== deps.own.id;
    if (isOthers && (await deps.offer(instance, { ...state, incarnation }))) return undefined;
    deps.log.info({ sessionId, incarnation }, 'Nobody takes a session that was claimed: it stays');
  }
}
