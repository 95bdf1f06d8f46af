import { join } from 'node:path';

const nameLength = 8;

// A uid names files, so it must be a name.
function nameOf(podUid: string): string {
  return podUid.replace(/[^A-Za-z0-9-]/g, '-');
}

/** Directory of what belongs to single pods, below the run directory. */
export function podsDirectory(runDir: string): string {
  return join(runDir, 'pods');
}

/**
 * Directory of what belongs to the agent of one pod alone: its lock, and the sockets and records of the workers that it starts. Its name is the
 * beginning of the pod's uid, since the path of a socket may have 107 bytes. Undefined without a pod, where an agent has the run directory to itself.
 */
export function podDirectory(runDir: string, podUid: string): string | undefined {
  if (podUid === '') return undefined;
  return join(podsDirectory(runDir), nameOf(podUid.slice(0, nameLength)));
}

/** The lock that the agent of a pod holds, in its directory. */
export function podLock(directory: string): string {
  return join(directory, 'agent-lock');
}

/** What a container's worker calls its socket, in its own directory. */
export const containerSocket = 'worker.sock';

/**
 * Directory of the socket of a pod's container, below that of its panel. Named after the whole uid: the kubelet makes it for the pod, and cuts nothing.
 * Nothing else of the panel's directory is mounted into the container.
 */
export function containerDirectory(panelDirectory: string, podUid: string): string {
  return join(panelDirectory, nameOf(podUid));
}
