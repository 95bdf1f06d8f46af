import { access, chmod, constants, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instances } from '#common/files/instances.js';
import type { Clock } from '#common/time/clock.js';
import { makeDirectory } from '#common/files/make-directory.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { podsDirectory } from '../workers/pod-directory.js';
import { requireShortSocket, socketDirectories } from '../workers/socket-places.js';
import { isAbandoned } from '../workers/worker-socket.js';
import type { AgentConfig } from '../config/config.js';

/**
 * Makes the directories fit for use: private to this user, and writable.
 * @throws PaneletError STATE_DIR_UNUSABLE or CONFIG_INVALID that names the directory and the cause.
 */
export async function prepareDirectories(
  { runDir, stateDir, panels }: Pick<AgentConfig, 'runDir' | 'stateDir' | 'panels'>,
  podUid: string,
): Promise<void> {
  const place = { runDir, podUid };
  for (const panel of panels) {
    requireShortSocket(place, panel);
  }
  const ofPod = podUid === '' ? [] : [podsDirectory(runDir)];
  const below = [...ofPod, join(runDir, 'workers'), ...panels.flatMap((panel) => socketDirectories(place, panel))];
  for (const dir of new Set([runDir, ...below, stateDir])) {
    try {
      await makeDirectory(dir, 0o700);
      if (dir !== stateDir) await chmod(dir, 0o700);
      await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      const message = `The directory ${dir} cannot be used: ${messageOf(cause)}`;
      throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause });
    }
  }
}

// Another agent that starts at this moment may have made its socket, and not listen on it yet.
const staleAfterMs = 60_000;

/** Who may have a socket in the run directory. */
export interface SocketOwners {
  readonly agents: Pick<Instances, 'others'>;
  readonly clock: Clock;
}

/** Removes sockets of earlier agents that nobody listens on any more. */
export async function removeStaleSockets(runDir: string, { agents, clock }: SocketOwners): Promise<void> {
  const isAlone = (await agents.others()).length === 0;
  const isStale = async (path: string): Promise<boolean> => {
    if (isAlone) return true;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    return clock.date().getTime() - mtimeMs > staleAfterMs;
  };
  const names = await readdir(runDir);
  for (const name of names.filter((entry) => /^agent-.*\.sock$/.test(entry))) {
    const path = join(runDir, name);
    if ((await isAbandoned(path)) && (await isStale(path))) await rm(path, { force: true });
  }
}
