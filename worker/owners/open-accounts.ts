import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { mayChangeUid } from './may-change-uid.js';
import { createNameFiles } from './name-files.js';
import { makePassage } from './owner-directories.js';
import { startHomeSweep, type HomeSweepDeps } from './home-sweep.js';
import { createLastUse } from './last-use.js';
import { createOwnerAccounts, type OwnerAccounts } from './owner-accounts.js';
import { createOwnerHomes } from './owner-homes.js';
import { processLimits } from './process-limits.js';
import { readKeepMs } from './read-keep-ms.js';
import { runScript } from './run-script.js';
import { createUidBook } from './uid-book.js';
import { checkUidRange, readUidRange, type UidRange } from './uid-range.js';

/** What `openAccounts` needs. */
export interface OpenAccountsDeps {
  /** Name of the panel. */
  readonly panel: string;
  /**
   * True for programs of others: where this process cannot start them as other users, all run as its own; HOMEs are the panel's own, and the
   * end of an owner's last session ends no process, as his terminals may live beside them.
   */
  readonly isOptional: boolean;
  /** Parameters of the worker: `uids`, `allowSameUser`, `homes`, `homesKeepDays`, `temporaries`, `names`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly stateDir: string;
  /** Written down with owners' names. */
  readonly loginShell: string;
  readonly log: Log;
  readonly random: Random;
  readonly clock: Clock;
  /** As `OwnerAccountsDeps.isElsewhere`. */
  readonly isElsewhere: (owner: string) => Promise<boolean>;
}

/** The accounts, and what is to be done for them once this worker has the sessions' storage. */
export interface OpenedAccounts {
  readonly accounts: OwnerAccounts;
  /** As `startHomeSweep`. */
  startHomeSweep(deps: Pick<HomeSweepDeps, 'isDue' | 'storedOwners' | 'signal'>): Promise<void>;
}

// What a HOME may take to be emptied; the rest goes with the next look.
const emptyMs = 3_600_000;
const tools = ['/bin/sh', '/usr/bin/setpriv', '/usr/bin/prlimit'];
const wishedLimits = { openFiles: 4096, processes: 512 };

/**
 * The accounts of the owners of a panel's programs; undefined when `allowSameUser` says that all may share the worker's user.
 * @throws CONFIG_INVALID when this process cannot start programs as other users and nobody allowed to go on without.
 */
export async function openAccounts(deps: OpenAccountsDeps): Promise<OpenedAccounts | undefined> {
  const { panel, parameters, stateDir, log } = deps;
  const invalid = (problem: string): PaneletError =>
    new PaneletError('CONFIG_INVALID', `Worker of the panel ${panel}: ${problem}.`);
  const allowed = parameters['allowSameUser'] ?? 'false';
  if (allowed !== 'true' && allowed !== 'false') throw invalid('"allowSameUser" must be true or false');
  if (allowed === 'true') {
    log.warn('Programs of all owners run as the same user (allowSameUser): each can read and drive the others');
    return undefined;
  }
  const reason = whyNot();
  if (reason !== undefined && deps.isOptional) {
    log.info({ reason }, 'Programs of all owners run as the user of this worker');
    return undefined;
  }
  if (reason !== undefined) {
    throw invalid(
      `${reason}, so owners cannot have a uid each. Start it as root, or, where all who may open a session trust each other, set allowSameUser: 'true'`,
    );
  }
  const range = readUidRange(parameters['uids']);
  checkUidRange(range, readFileSync('/proc/self/uid_map', 'utf8'));
  const keepMs = readKeepMs(parameters['homesKeepDays']);
  log.info({ first: range.first, count: range.count }, 'Each owner of programs has a uid of his own');
  // Where it is another's, as a mount's parent is, whoever made it has seen to it that owners pass.
  const owner = statSync(stateDir, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === process.geteuid?.()) await makePassage(stateDir);
  return assemble(deps, range, keepMs);
}

function assemble(deps: OpenAccountsDeps, range: UidRange, keepMs: number | undefined): OpenedAccounts {
  const { parameters, stateDir, log, random, clock } = deps;
  const place = deps.isOptional ? join(stateDir, 'panels', deps.panel) : stateDir;
  const { homes = join(place, 'homes'), temporaries = join(place, 'tmp'), names } = parameters;
  const directory = join(stateDir, 'owners');
  const book = createUidBook({ directory, range, random });
  const lastUse = createLastUse({ directory, clock });
  const limits = processLimits(wishedLimits, readFileSync('/proc/self/limits', 'utf8'));
  const accounts = createOwnerAccounts({
    ...{ book, lastUse, homes, temporaries, limits, log, clock },
    isElsewhere: deps.isOptional ? () => Promise.resolve(true) : deps.isElsewhere,
    ...(names === undefined ? {} : { names: createNameFiles({ directory: names, shell: deps.loginShell, log }) }),
  });
  const ownerHomes = createOwnerHomes({
    homes,
    run: (uid, script, args) => runScript({ uid, script, args, limitMs: emptyMs }, { limits, clock }),
    mountInfo: () => readFile('/proc/self/mountinfo', 'utf8'),
  });
  return {
    accounts,
    startHomeSweep: (more) =>
      startHomeSweep({ ...{ accounts, book, lastUse, keepMs, clock, log }, homes: ownerHomes, ...more }),
  };
}

function whyNot(): string | undefined {
  if (!mayChangeUid(readFileSync('/proc/self/status', 'utf8'))) {
    return 'This worker is not root and lacks a capability of SETUID, SETGID, KILL, CHOWN, SETPCAP';
  }
  const missing = tools.find((tool) => !isExecutable(tool));
  return missing === undefined ? undefined : `${missing} is missing`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
