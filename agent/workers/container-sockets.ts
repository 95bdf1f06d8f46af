import { statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import { containerSocket } from './pod-directory.js';
import { namesIn } from './names-in.js';

/** Directories of pods below that of a panel, whether a worker listens there or not. */
export function podsBelow(panelDirectory: string): readonly string[] {
  try {
    // Sockets of workers that have the panel's directory to themselves have a dot in their names.
    return namesIn(panelDirectory).filter((name) => /^[A-Za-z0-9-]+$/.test(name));
  } catch (error) {
    // The kubelet has just made it for another pod, one of whose containers gives it to this user.
    if (systemCode(error) === 'EACCES') return [];
    throw error;
  }
}

/** Paths of the sockets of a panel's containers, the one that was made last first. A directory that may not be entered yet has none. */
export function containerSockets(panelDirectory: string): readonly string[] {
  const found = podsBelow(panelDirectory).flatMap((pod) => {
    const path = join(panelDirectory, pod, containerSocket);
    const madeMs = timeOf(path);
    return madeMs === undefined ? [] : [{ path, madeMs }];
  });
  return found.sort((a, b) => b.madeMs - a.madeMs).map(({ path }) => path);
}

/** Whether a path is another name of a container's socket. */
export function isSocketOfContainer(path: string, panelDirectory: string): boolean {
  const there = inodeAt(path);
  return there !== undefined && containerSockets(panelDirectory).some((socket) => inodeAt(socket) === there);
}

function inodeAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function timeOf(path: string): number | undefined {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}
