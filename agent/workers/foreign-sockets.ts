import { dirname, join } from 'node:path';
import { containerSockets, podsBelow } from './container-sockets.js';
import { namesIn } from './names-in.js';
import { containerDirectory, podDirectory, podsDirectory } from './pod-directory.js';
import { containerKinds, panelOfSocket, type RunPlace } from './socket-places.js';

/** What {@link findForeignSockets} finds. */
export interface ForeignSockets {
  /** Panels by the sockets of their workers. */
  readonly sockets: ReadonlyMap<string, string>;
  /** The same of the containers of hosts, of whichever pod; those that came first come first. */
  readonly hosts: ReadonlyMap<string, string>;
}

/**
 * Looks for sockets of workers that belong to other pods: those that agents have started, those of containers beside other agents, and those of hosts.
 * An agent in no pod has no neighbours, and finds hosts only. `enter` is called with each directory before it is read.
 * @throws what the system says when a directory of this agent's user cannot be read
 */
export function findForeignSockets(place: RunPlace, enter: (directory: string) => void): ForeignSockets {
  const sockets = new Map<string, string>();
  const hosts = new Map<string, string>();
  if (place.podUid !== '') {
    findStarted(place, enter, sockets);
    for (const { panel, directory, found } of containersBelow(join(place.runDir, containerKinds.agent), enter)) {
      const own = containerDirectory(directory, place.podUid);
      for (const path of found) if (dirname(path) !== own) sockets.set(path, panel);
    }
  }
  for (const { panel, found } of containersBelow(join(place.runDir, containerKinds.host), enter)) {
    for (const path of found.toReversed()) hosts.set(path, panel);
  }
  return { sockets, hosts };
}

function findStarted(place: RunPlace, enter: (directory: string) => void, sockets: Map<string, string>): void {
  const pods = podsDirectory(place.runDir);
  enter(pods);
  const own = podDirectory(place.runDir, place.podUid);
  for (const directory of namesIn(pods).map((name) => join(pods, name))) {
    if (directory === own) continue;
    enter(directory);
    for (const name of namesIn(directory)) {
      const panel = panelOfSocket(name);
      if (panel !== undefined) sockets.set(join(directory, name), panel);
    }
  }
}

/** What the containers of one panel have left. */
interface PanelSockets {
  readonly panel: string;
  readonly directory: string;
  /** Sockets, those that came last first. */
  readonly found: readonly string[];
}

function containersBelow(kind: string, enter: (directory: string) => void): readonly PanelSockets[] {
  enter(kind);
  const panels = namesIn(kind).filter((name) => /^[a-z0-9-]+$/.test(name));
  return panels.map((panel) => {
    const directory = join(kind, panel);
    enter(directory);
    for (const pod of podsBelow(directory)) enter(join(directory, pod));
    return { panel, directory, found: containerSockets(directory) };
  });
}
