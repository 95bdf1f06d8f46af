import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import { createKeyedLock } from '#common/keyed-lock.js';
import { launchCommand, type LaunchCommand, type OwnedProgram, type ProcessLimits } from './launch-command.js';
import type { NameFiles } from './name-files.js';
import type { LastUse } from './last-use.js';
import { makeOwnDirectory, makePassage } from './owner-directories.js';
import { runScript } from './run-script.js';
import type { UidBook } from './uid-book.js';
import { unreachableHome } from './unreachable-home.js';

/** What one session has of its owner's account, until it leaves. */
export interface OwnerAccount {
  readonly uid: number;
  /** Name for USER and LOGNAME. */
  readonly name: string;
  /** HOME, mode 0700. */
  readonly home: string;
  /** TMPDIR, mode 0700. */
  readonly temporary: string;
  /** What to start for a program of this owner. */
  launch(program: Omit<OwnedProgram, 'uid'>): LaunchCommand;
  /** Runs a script of /bin/sh as the owner. @returns its exit code; 128 and the signal's number when killed */
  run(script: string, args: readonly string[]): Promise<number>;
  /** The session has ended; with the owner's last one, of all workers that live, all of his processes do. Idempotent. */
  leave(): Promise<void>;
}

/** The accounts of this worker's owners. */
export interface OwnerAccounts {
  /** For one session. @throws LIMIT_EXCEEDED, CONFIG_INVALID, STATE_DIR_UNUSABLE, PANEL_FAILED */
  enter(owner: string): Promise<OwnerAccount>;
  /** Runs `work` if the owner has no session here; he gets none before it is done. @returns false when he has one */
  whileAway(uid: number, work: () => Promise<void>): Promise<boolean>;
}

/** What `createOwnerAccounts` needs. */
export interface OwnerAccountsDeps {
  readonly book: UidBook;
  /** Directory of the HOMEs. */
  readonly homes: string;
  /** Directory of the TMPDIRs. */
  readonly temporaries: string;
  /** Where owners' names are written down. @default nowhere */
  readonly names?: NameFiles;
  /** Told when an owner comes, and when his last session has ended. */
  readonly lastUse: LastUse;
  /** Whether another worker of the panel, which sees the same processes, has a session of an owner. @default none has */
  readonly isElsewhere?: (owner: string) => Promise<boolean>;
  readonly limits: ProcessLimits;
  readonly log: Log;
  readonly clock: Clock;
}

// The caller is spared; all others of the uid go in one step of the kernel, forks included.
const endAll = 'kill -9 -1 2>/dev/null; exit 0';
const endTries = 5;

/** Accounts with directories and processes on this machine. The process may change uids (`mayChangeUid`). */
export function createOwnerAccounts(deps: OwnerAccountsDeps): OwnerAccounts {
  const { book, limits, log } = deps;
  const sessions = new Map<number, number>();
  const lock = createKeyedLock();
  const run = (uid: number, script: string, args: readonly string[]): Promise<number> =>
    runScript({ uid, script, args }, deps);
  const note = (uid: number): Promise<void> =>
    deps.lastUse.touch(uid).catch((err: unknown) => {
      log.warn({ err, uid }, 'It could not be noted that an owner had a session');
    });

  const leave = (uid: number, owner: string): Promise<void> =>
    lock.run(String(uid), async () => {
      const left = (sessions.get(uid) ?? 1) - 1;
      if (left > 0) {
        sessions.set(uid, left);
        return;
      }
      sessions.delete(uid);
      if (await isElsewhere(deps, owner)) return;
      // He may kill the one that comes to kill; one of them is first.
      let code = await run(uid, endAll, []);
      for (let tries = 1; code !== 0 && tries < endTries; tries++) code = await run(uid, endAll, []);
      if (code !== 0) log.error({ uid, code }, 'Processes of an owner could not be ended');
      await note(uid);
    });
  const enter = async (uid: number, owner: string): Promise<OwnerAccount> => {
    await makePassage(deps.homes);
    await makePassage(deps.temporaries);
    const home = await makeOwnDirectory(deps.homes, uid);
    const temporary = await makeOwnDirectory(deps.temporaries, uid);
    if ((await run(uid, 'cd -- "$1" && cd -- "$2"', [home, temporary])) !== 0) throw await unreachableHome(home);
    const name = `u${uid}`;
    await deps.names?.add({ uid, name, home });
    await note(uid);
    sessions.set(uid, (sessions.get(uid) ?? 0) + 1);
    let left: Promise<void> | undefined;
    return {
      uid,
      ...{ name, home },
      temporary,
      launch: (program) => launchCommand({ ...program, uid }, limits),
      run: (script, args) => run(uid, script, args),
      leave: () => (left ??= leave(uid, owner)),
    };
  };
  return {
    enter: async (owner) => {
      const uid = await book.uidOf(owner);
      return await lock.run(String(uid), () => enter(uid, owner));
    },
    whileAway: (uid, work) =>
      lock.run(String(uid), async () => {
        if (sessions.has(uid)) return false;
        await work();
        return true;
      }),
  };
}

// Where nobody can say, his processes stay: one too many is a smaller harm than a session less.
async function isElsewhere(deps: OwnerAccountsDeps, owner: string): Promise<boolean> {
  try {
    return (await deps.isElsewhere?.(owner)) ?? false;
  } catch (err) {
    deps.log.warn({ err }, 'Processes of an owner stay: it is not known whether another worker has a session of his');
    return true;
  }
}
