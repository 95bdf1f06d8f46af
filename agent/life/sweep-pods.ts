import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Instances } from '#common/files/instances.js';
import { livingInstances } from '#common/files/instance-lock.js';
import { systemCode } from '#common/errors/storage-error.js';
import type { Log } from '#common/log.js';
import type { Clock } from '#common/time/clock.js';
import { startSweeping } from '#common/time/sweep.js';
import { podsBelow } from '../workers/container-sockets.js';
import { containerSocket, podDirectory, podLock, podsDirectory } from '../workers/pod-directory.js';
import { containerKinds } from '../workers/socket-places.js';
import { isAbandoned } from '../workers/worker-socket.js';

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
// Made again, by the kubelet, it would be root's, and `prepare` does not run again in a pod that lives. One whose image cannot be pulled, or whose
// worker waits for the one before it, has nobody there for long.
const directoryAfterMs = 7 * 86_400_000;

/** Removes what pods have left that are gone, again and again: the newest agent of a node does it. */
export function startPodSweep(deps: PodSweepDeps, signal: AbortSignal): void {
  const { agents, clock, log } = deps;
  const sweeping = { clock, limitMs: Infinity, longestStepMs: everyMs, counts: () => !agents.hasNewer, signal };
  startSweeping(sweeping, () => {
    sweepPods(deps).catch((err: unknown) => log.warn({ err }, 'What pods have left cannot be removed now'));
  });
}

/**
 * Removes what pods have left: the directories of agents in which nobody listens, and nothing has changed for ten minutes; sockets of containers after
 * the same time, and their directories after a week without one.
 */
export async function sweepPods(deps: Omit<PodSweepDeps, 'agents'>): Promise<void> {
  const { runDir } = deps;
  for (const name of await namesIn(podsDirectory(runDir))) await sweepStarted(deps, join(podsDirectory(runDir), name));
  for (const kind of Object.values(containerKinds)) {
    for (const panel of await namesIn(join(runDir, kind))) {
      for (const directory of podsBelow(join(runDir, kind, panel)).map((pod) => join(runDir, kind, panel, pod))) {
        await sweepContainer(deps, directory).catch((err: unknown) => {
          // One that is not this user's keeps nobody from removing the others.
          deps.log.warn({ err, directory }, 'What a pod has left cannot be removed now');
        });
      }
    }
  }
}

async function sweepStarted({ clock, log }: Omit<PodSweepDeps, 'agents'>, directory: string): Promise<void> {
  if ((await ageMs(clock, directory)) <= leftAfterMs || (await isInUse(directory))) return;
  await rm(directory, { recursive: true, force: true });
  log.info({ directory }, 'What a pod has left is removed');
}

async function sweepContainer({ runDir, clock, log }: Omit<PodSweepDeps, 'agents'>, directory: string): Promise<void> {
  const socket = join(directory, containerSocket);
  const before = await stat(socket).catch(() => undefined);
  if (before !== undefined) {
    if ((await ageMs(clock, socket)) <= leftAfterMs || !(await isAbandoned(socket))) return;
    // A worker that has come back at this moment has made another one.
    if ((await stat(socket).catch(() => undefined))?.ino === before.ino) await rm(socket, { force: true });
    return;
  }
  const ofAgent = podDirectory(runDir, basename(directory));
  if ((await ageMs(clock, directory)) <= directoryAfterMs) return;
  if (ofAgent !== undefined && (await livingInstances(podLock(ofAgent))).length > 0) return;
  await rm(directory, { recursive: true, force: true });
  log.info({ directory }, 'What a pod has left is removed');
}

async function ageMs(clock: Clock, path: string): Promise<number> {
  return clock.date().getTime() - (await stat(path)).mtimeMs;
}

async function isInUse(directory: string): Promise<boolean> {
  if ((await livingInstances(podLock(directory))).length > 0) return true;
  for (const name of await readdir(directory)) {
    if (name.endsWith('.sock') && !(await isAbandoned(join(directory, name)))) return true;
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
