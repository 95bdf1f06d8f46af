import { link, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import type { Log } from '#common/log.js';
import { containerSockets } from './container-sockets.js';
import { containerSocket } from './pod-directory.js';
import { isAbandoned } from './worker-socket.js';

/**
 * Links a host's socket where agents of the release before look for it, one directory above that of its pod: after a rollback they find the host that
 * is there. Somebody else who listens in that place is left alone. To be removed with the release after this one.
 */
export async function linkForEarlierAgents(socketPath: string, log: Log): Promise<void> {
  const panelDirectory = dirname(dirname(socketPath));
  const place = join(panelDirectory, containerSocket);
  // Named after the pod: another agent that does the same at this moment makes the same link.
  const next = `${place}.${basename(dirname(socketPath))}`;
  try {
    if (!(await isToBeReplaced(place, socketPath, panelDirectory))) return;
    await rm(next, { force: true });
    await link(socketPath, next);
    await rename(next, place);
    // Of two links to one socket, rename leaves both.
    await rm(next, { force: true });
  } catch (err) {
    if (!['ENOENT', 'EEXIST'].includes(systemCode(err) ?? ''))
      log.warn({ err, place }, 'An agent of the release before would not find this host');
  }
}

async function isToBeReplaced(place: string, socketPath: string, panelDirectory: string): Promise<boolean> {
  const there = await inodeOf(place);
  if (there === undefined) return true;
  if (there === (await inodeOf(socketPath))) return false;
  const ofPods = await Promise.all(containerSockets(panelDirectory).map((path) => inodeOf(path)));
  return ofPods.includes(there) || isAbandoned(place);
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
