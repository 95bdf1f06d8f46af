import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instances } from '#common/files/instances.js';
import { livingInstances } from '#common/files/instance-lock.js';
import { systemCode } from '#common/errors/storage-error.js';
import type { Log } from '#common/log.js';
import type { Clock } from '#common/time/clock.js';
import { startSweeping } from '#common/time/sweep.js';
import { podLock, podsDirectory } from '../workers/pod-directory.js';
import { probeSocket } from '../workers/worker-socket.js';

/** What looking for what pods have left needs. */
export interface PodSweepDeps {
  readonly runDir: string;
  readonly agents: Pick<Instances, 'hasNewer'>;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 60_000;
// A pod that is about to start its workers has made its directory, and nobody listens in it yet.
const leftAfterMs = 600_000;

/** Removes what pods have left that are gone, again and again: the newest agent of a node does it. */
export function startPodSweep(deps: PodSweepDeps, signal: AbortSignal): void {
  const { agents, clock, log } = deps;
  const sweeping = { clock, limitMs: Infinity, longestStepMs: everyMs, counts: () => !agents.hasNewer, signal };
  startSweeping(sweeping, () => {
    sweepPods(deps).catch((err: unknown) => log.warn({ err }, 'What pods have left cannot be removed now'));
  });
}

/** Removes the directories of pods in which nobody listens, and nothing has changed for ten minutes. */
export async function sweepPods({ runDir, clock, log }: Omit<PodSweepDeps, 'agents'>): Promise<void> {
  for (const name of await namesIn(podsDirectory(runDir))) {
    const directory = join(podsDirectory(runDir), name);
    const { mtimeMs } = await stat(directory);
    const isOld = clock.date().getTime() - mtimeMs > leftAfterMs;
    if (!isOld || (await isInUse(directory))) continue;
    await rm(directory, { recursive: true, force: true });
    log.info({ directory }, 'What a pod has left is removed');
  }
}

async function isInUse(directory: string): Promise<boolean> {
  if ((await livingInstances(podLock(directory))).length > 0) return true;
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.sock')) continue;
    const probe = await probeSocket(join(directory, name));
    if (probe === 'open' || probe.kind !== 'absent') return true;
  }
  return false;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
