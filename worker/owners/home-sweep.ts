import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import { startSweeping } from '#common/time/sweep.js';
import type { LastUse } from './last-use.js';
import type { OwnerAccounts } from './owner-accounts.js';
import type { OwnerHomes } from './owner-homes.js';
import type { UidBook } from './uid-book.js';

/** What the sweep of HOMEs needs. */
export interface HomeSweepDeps {
  readonly accounts: Pick<OwnerAccounts, 'whileAway'>;
  readonly book: Pick<UidBook, 'owners'>;
  readonly lastUse: LastUse;
  readonly homes: OwnerHomes;
  /** How long after its owner's last session a HOME is kept, in milliseconds; undefined: for ever. */
  readonly keepMs: number | undefined;
  /** False while another worker that has the sessions' storage does it. */
  readonly isDue: () => Promise<boolean>;
  /** Owners of all sessions that are on storage: live, here or in another worker, or from an earlier one. @throws when it is not sure about one */
  readonly storedOwners: () => Promise<ReadonlySet<string>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const dayMs = 86_400_000;

/**
 * Looks now, and then at least daily: notes which owners have a session, and removes the HOMEs of those who had none for too long. Runs
 * until the signal aborts. Only a worker that has the sessions' storage may run it, and one of several at a time: each session of the node has
 * its record there, whichever of them has it.
 * @returns when the first look is over
 */
export async function startHomeSweep(deps: HomeSweepDeps): Promise<void> {
  const { clock, signal, keepMs } = deps;
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    await sweepHomes(deps);
    looking = false;
  };
  startSweeping({ clock, signal, limitMs: keepMs ?? Infinity, longestStepMs: dayMs, counts: () => true }, () => {
    void look();
  });
  await look();
}

async function sweepHomes(deps: HomeSweepDeps): Promise<void> {
  const { book, isDue, storedOwners, log, signal } = deps;
  try {
    if (!(await isDue())) return;
    const stored = await storedOwners();
    for (const [uid, owner] of await book.owners()) {
      if (signal.aborted) return;
      await visit(deps, uid, stored.has(owner)).catch((err: unknown) => {
        log.error({ err, uid }, 'The HOME of an owner could not be looked after');
      });
    }
  } catch (err) {
    log.error({ err }, 'It is not known who has sessions, so no HOME was removed');
  }
}

async function visit(deps: HomeSweepDeps, uid: number, isStored: boolean): Promise<void> {
  const { accounts, lastUse, homes, log } = deps;
  // First what a crash, or a failure, has left: only one can be set aside.
  await homes.removeAside(uid);
  const isAway = !isStored && (await accounts.whileAway(uid, () => takeWhenDue(deps, uid)));
  if (!isAway) await lastUse.touch(uid);
  else if (await homes.removeAside(uid)) log.info({ uid }, 'The HOME of an owner who stayed away was removed');
}

async function takeWhenDue({ lastUse, homes, keepMs }: HomeSweepDeps, uid: number): Promise<void> {
  const ageMs = await lastUse.ageMs(uid);
  // Who was here before anybody noted it is kept from now on.
  if (ageMs === undefined) await lastUse.touch(uid);
  else if (keepMs !== undefined && ageMs >= keepMs) await homes.setAside(uid);
}
