import { isNewest, type Instances } from '#common/files/instances.js';
import { joinInstances } from '#common/files/join-instances.js';
import { createSystemClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { version } from '#common/version.js';
import { parseWorkerArguments, workerUsage, type WorkerArguments } from './arguments.js';
import { createPanel } from './panels/catalogue.js';
import type { PanelDefinition } from './panel/panel.js';
import { hasSessionElsewhere } from './owners/has-session-elsewhere.js';
import { openAccounts, type OpenAccountsDeps, type OpenedAccounts } from './owners/open-accounts.js';
import type { OwnerAccounts } from './owners/owner-accounts.js';
import { ownersOf } from './owners/owners-of.js';
import { meetingPlaceOf } from './storage/instances.js';
import { openPanelStorage, type PanelStorage } from './storage/panel-storage.js';
import { startWorker } from './worker.js';

const exitFailed = 1;
const endSignals = ['SIGTERM', 'SIGINT'] as const;
const exitUsage = 2;

function readArguments(): WorkerArguments {
  const args = process.argv.slice(2);
  const parsed = parseWorkerArguments(args);
  if (parsed !== undefined) return parsed;
  process.stdout.write(args.includes('--version') ? `${version}\n` : workerUsage);
  process.exit(0);
}

/** Accounts for those panels that run programs. */
async function openAccountsOf(
  { panel, exec }: WorkerArguments,
  opening: Omit<OpenAccountsDeps, 'panel' | 'isOptional'>,
): Promise<OpenedAccounts | undefined> {
  if (exec === undefined && panel !== 'terminal') return undefined;
  return openAccounts({ ...opening, panel, isOptional: exec !== undefined });
}

/** The panel, or what runs that of others. */
async function definitionOf(
  { panel, exec, parameters }: WorkerArguments,
  accounts: OwnerAccounts | undefined,
): Promise<PanelDefinition> {
  const environment = process.env;
  if (exec === undefined) return createPanel(panel, { environment, parameters, accounts });
  // Only here: a worker of another panel does not pay for it.
  const [{ createExecPanel }, { readPanelManifest }] = await Promise.all([
    import('./panels/exec/exec-panel.js'),
    import('./panels/exec/manifest.js'),
  ]);
  const manifest = await readPanelManifest(exec);
  if (manifest.name === panel) return createExecPanel({ manifest, environment, accounts });
  throw new PaneletError('CONFIG_INVALID', `--exec ${exec} is the panel ${manifest.name}, and --panel says ${panel}.`);
}

async function run(): Promise<number> {
  const options = readArguments();
  const { panel, stateDir, parameters, gracePeriodMs } = options;
  const log = createLog({ name: 'panelet-worker', level: options.logLevel }).child({ panel });
  const random = createSystemRandom();
  const asked = new AbortController();
  const giveUp = (): void => asked.abort(new PaneletError('TIMEOUT', 'Asked to end while waiting for the state.'));
  for (const signal of endSignals) process.once(signal, giveUp);
  // Before anything else: a reload of the agent reaches its whole process group where workers are not detached.
  process.on('SIGHUP', () => undefined);
  const clock = createSystemClock({ keepsAlive: true });
  const loginShell = process.env['SHELL'] ?? '/bin/sh';
  const shared: { storage?: PanelStorage } = {};
  const isElsewhere = async (owner: string): Promise<boolean> =>
    shared.storage !== undefined && (await hasSessionElsewhere(shared.storage, owner));
  const opening = { parameters, stateDir, loginShell, log, random, clock, isElsewhere };
  const opened = await openAccountsOf(options, opening);
  const definition = await definitionOf(options, opened?.accounts);
  const joining = { isBeside: options.isBeside, waitMs: options.lockWaitMs, clock, random, log, signal: asked.signal };
  const join = (directory: string): Promise<Instances> => joinInstances(meetingPlaceOf(directory), joining);
  const storage = await openPanelStorage({ stateDir, panel, clock, log, random, join });
  shared.storage = storage;
  const worker = await startWorker({
    definition,
    storage,
    clock: createSystemClock(),
    random,
    log,
    options: { ...options, pid: process.pid, podUid: process.env['PANELET_POD_UID'] ?? '' },
  });
  const terminate = (signal: string): void => {
    log.info({ signal }, 'The worker is asked to end');
    worker.terminate(gracePeriodMs);
  };
  for (const signal of endSignals) process.off(signal, giveUp).on(signal, terminate);
  const ending = new AbortController();
  // Those of a panel of others stay.
  const swept = options.exec === undefined ? opened : undefined;
  void swept?.startHomeSweep({
    isDue: () => isNewest(storage.instances),
    storedOwners: () => ownersOf(storage.records),
    signal: ending.signal,
  });
  const { forced } = await worker.ended;
  ending.abort();
  log.info({ forced }, 'The worker ends');
  return forced === 0 ? 0 : exitFailed;
}

try {
  process.exit(await run());
} catch (error) {
  const known = PaneletError.from(error);
  process.stderr.write(`panelet-worker: ${known.message} (${known.code})\n`);
  process.exit(known.code === 'CONFIG_INVALID' || known.code === 'PANEL_UNKNOWN' ? exitUsage : exitFailed);
}
