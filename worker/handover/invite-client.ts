import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { msToDuration } from '#common/time/duration.js';
import type { Reattach } from '#proto/session/v1/session.js';
import type { SessionDriver } from '../sessions/session-driver.js';
import type { HandoverPeer } from './peer.js';

/** What asking a client to come along needs. */
export interface InvitationDeps {
  readonly driver: Pick<SessionDriver, 'record' | 'mayMove' | 'askToMove'>;
  /** The instance that the session is about to move to. */
  readonly peer: Pick<HandoverPeer, 'expect'>;
  /** Where it goes on; undefined where its agent stays. */
  readonly reattach: Reattach | undefined;
  readonly clock: Clock;
  /** Nobody waits any longer. */
  readonly signal: AbortSignal;
}

/** A client that is asked to come along. */
export interface Invitation {
  /** Resolves when the client waits at the other instance, or is not waited for any longer. */
  readonly answered: Promise<void>;
  /** From now on nobody waits there for the session. */
  end(): void;
}

// Until then its session goes on; of those that do not come only a few are waited for at a time.
const comingMs = 1_000;
/** The same for one that has to reach another agent. */
const reachingMs = 3_000;

/**
 * Asks the client of a session that is about to move to open its next attachment, so that it waits where the session comes to. What it takes to get
 * there is over by then, and no part of the silence. One that cannot be asked, or does not come, is told to attach again once the session has moved.
 */
export function inviteClient(deps: InvitationDeps): Invitation {
  const over = new AbortController();
  return { answered: invite(deps, over.signal), end: () => over.abort() };
}

async function invite({ driver, peer, reattach, clock, signal }: InvitationDeps, over: AbortSignal): Promise<void> {
  if (!driver.mayMove) return;
  const limitMs = reattach === undefined ? comingMs : reachingMs;
  const { begun, waiting } = peer.expect(driver.record.id, over);
  const come = async (late: AbortSignal): Promise<void> => {
    await begun;
    if (late.aborted) return;
    const left = driver.askToMove({ reattach, within: msToDuration(limitMs) });
    if (left !== undefined) await Promise.race([waiting, left]);
  };
  try {
    await withDeadline({ clock, limitMs, signals: [signal] }, come);
  } catch {
    // It does not come in time, or the other instance is of another release, or has gone: how the session moves tells.
  }
}
