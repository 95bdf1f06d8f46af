import { dirname, join } from 'node:path';
import { PaneletError } from '#common/errors/errors.js';
import type { PanelConfig } from '../config/config.js';
import { namesIn } from './names-in.js';
import { isSocketOfContainer } from './container-sockets.js';
import { containerDirectory, containerSocket, podDirectory } from './pod-directory.js';

/** Paths at which a worker may listen; the first is where it belongs. */
export type SocketPlaces = readonly [string, ...string[]];

/** Whose sockets are looked for. */
export interface RunPlace {
  readonly runDir: string;
  /** Of the agent's pod; empty where it is in none. */
  readonly podUid: string;
}

type PanelPlace = Pick<PanelConfig, 'name' | 'run' | 'target' | 'beside'>;

/**
 * Whether a panel's worker belongs to the agent's pod alone, and is ended with it: another pod's agent has another one, beside it. The agents of a node
 * share the workers of its hosts.
 */
export function isOfPod({ podUid }: RunPlace, { run, target }: Pick<PanelConfig, 'run' | 'target'>): boolean {
  return podUid !== '' && run === 'spawn' && target === 'agent';
}

/** Whether a panel's worker shares its state with the workers of other pods, which may be there at the same time. */
export function sharesState({ run, command, beside }: Pick<PanelConfig, 'run' | 'command' | 'beside'>): boolean {
  // A program of one's own need not know how to share what it keeps.
  return beside ?? (run === 'spawn' && command === undefined);
}

/** Directory of the workers of a panel that agents start. */
function spawnDirectory(place: RunPlace, panel: Pick<PanelConfig, 'run' | 'target'>): string {
  const own = isOfPod(place, panel) ? podDirectory(place.runDir, place.podUid) : undefined;
  return own ?? join(place.runDir, 'workers');
}

/** Directories, below the run directory, of those of the panels whose workers something else starts, by what the workers are killed with. */
export const containerKinds = { agent: 'workers', host: 'host' } as const;

/** Directory of the sockets of a panel's workers that something else starts. */
export function panelDirectory({ runDir }: RunPlace, { name, target }: Pick<PanelConfig, 'name' | 'target'>): string {
  return join(runDir, containerKinds[target], name);
}

/**
 * Where a panel's worker listens, below the run directory; beside the place where it belongs those at which a worker of an earlier release may
 * still listen, because hosts outlive an upgrade. Whoever can connect to a worker's socket is believed about who calls, so a worker that is not the
 * agent's own process has a directory for itself: its container mounts that one, and reaches no other worker. Of several workers that the agent
 * starts for a panel, each has a number. One that is beside those of other pods is in its own pod's directory and nowhere else; hosts of pods are in
 * other pods than the agent, and found there.
 */
export function socketPlaces(place: RunPlace, panel: PanelPlace, number = 1): SocketPlaces {
  const { name, run, target } = panel;
  if (run === 'spawn') return [join(spawnDirectory(place, panel), `${numberedName(name, number)}.sock`)];
  const directory = panelDirectory(place, panel);
  const shared: SocketPlaces = [join(directory, containerSocket), `${directory}.sock`];
  if (target === 'host' || place.podUid === '') return shared;
  const own = join(containerDirectory(directory, place.podUid), containerSocket);
  return panel.beside === true ? [own] : [own, ...shared];
}

/** Where a panel's worker may listen at this moment: as {@link socketPlaces}, but for what is linked there of the hosts of pods, which have places of their own. */
export function placesNow(place: RunPlace, panel: PanelPlace, number = 1): SocketPlaces {
  const fixed = socketPlaces(place, panel, number);
  if (panel.run === 'spawn' || panel.target !== 'host') return fixed;
  const directory = panelDirectory(place, panel);
  const [first, ...others] = fixed.filter((path) => !isSocketOfContainer(path, directory));
  return first === undefined ? fixed : [first, ...others];
}

// sockaddr_un holds 108 bytes with the terminating zero (unix(7)).
const maxSocketPathBytes = 107;

/** @throws PaneletError CONFIG_INVALID when the path at which a worker is to listen is longer than a socket's may be */
export function requireShortSocket(place: RunPlace, panel: PanelPlace, number = 1): void {
  const [path] = socketPlaces(place, panel, number);
  if (Buffer.byteLength(path) <= maxSocketPathBytes) return;
  throw new PaneletError('CONFIG_INVALID', `runDir: ${path} is too long for a socket; choose a shorter directory.`);
}

/** Directories in which a panel's socket may appear, those above first. */
export function socketDirectories(place: RunPlace, panel: PanelPlace): readonly string[] {
  return socketPlaces(place, panel)
    .map((path) => dirname(path))
    .reverse();
}

/** The panel of a socket that an agent has made for a worker of its own, by the file's name; undefined for any other file. */
export function panelOfSocket(file: string): string | undefined {
  return /^([a-z0-9-]+)(?:\.[1-9]\d{0,8})?\.sock$/.exec(file)?.[1];
}

/** What the files of a panel's worker are called. The first one's are those that releases know which have one worker a panel. */
export function numberedName(panel: string, number: number): string {
  return number === 1 ? panel : `${panel}.${number}`;
}

/**
 * Numbers of the workers of a panel that have left a socket or a record, in rising order; never empty, as the first one is looked for anyway.
 * @throws what the system says when the directory cannot be read
 */
export function workerNumbers(place: RunPlace, panel: PanelPlace): readonly number[] {
  const { name, run } = panel;
  if (run !== 'spawn') return [1];
  const found = namesIn(spawnDirectory(place, panel)).map((file) => {
    // The name of a panel has no dots.
    const [of, number] = file.replace(/\.(sock|json)$/, '').split('.');
    return of === name && /^[1-9]\d{0,8}$/.test(number ?? '') ? Number(number) : 1;
  });
  return [...new Set([1, ...found])].sort((a, b) => a - b);
}
