import type { Instances } from '#common/files/instances.js';
import { joinInstances } from '#common/files/join-instances.js';
import { createSystemClock } from '#common/time/clock.js';
import { createLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { parseWorkerArguments } from '#worker/arguments.js';
import { meetingPlaceOf } from '#worker/storage/instances.js';
import { openPanelStorage } from '#worker/storage/panel-storage.js';
import { startWorker } from '#worker/worker.js';
import { createGuestbookPanel } from './guestbook-panel.js';

/** Runs the worker of the panel that the demo installs; resolves when it has ended, with its exit code. */
export async function runGuestbookWorker(argv: readonly string[]): Promise<number> {
  const options = parseWorkerArguments(argv);
  if (options === undefined) return 0;
  const { gracePeriodMs, panel, stateDir } = options;
  const log = createLog({ name: 'demo-guestbook', level: options.logLevel });
  const random = createSystemRandom();
  const clock = createSystemClock();
  process.on('SIGHUP', () => undefined);
  // Agents serve beside each other at a restart, and so do their workers.
  const { signal } = new AbortController();
  const joining = { isBeside: options.isBeside, waitMs: options.lockWaitMs, clock, random, log, signal };
  const join = (directory: string): Promise<Instances> => joinInstances(meetingPlaceOf(directory), joining);
  const worker = await startWorker({
    definition: createGuestbookPanel(),
    storage: await openPanelStorage({ stateDir, panel, clock, log, random, join }),
    clock,
    random,
    log,
    options: { ...options, pid: process.pid },
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => worker.terminate(gracePeriodMs));
  const { forced } = await worker.ended;
  return forced === 0 ? 0 : 1;
}
