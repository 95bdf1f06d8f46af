import { dirname, join } from 'node:path';
import type { PanelConfig } from '../config/config.js';

/** Paths at which a worker may listen; the first is where it belongs. */
export type SocketPlaces = readonly [string, ...string[]];

/**
 * Where a panel's worker listens, below the run directory; beside the place where it belongs the one at which a worker of the release before may
 * still listen, because hosts outlive an upgrade. Whoever can connect to a worker's socket is believed about who calls, so a worker that is not the
 * agent's own process has a directory for itself: its container mounts that one, and reaches no other worker.
 */
export function socketPlaces(
  runDir: string,
  { name, run, target }: Pick<PanelConfig, 'name' | 'run' | 'target'>,
): SocketPlaces {
  if (run === 'spawn') return [join(runDir, 'workers', `${name}.sock`)];
  const kind = target === 'host' ? 'host' : 'workers';
  return [join(runDir, kind, name, 'worker.sock'), join(runDir, kind, `${name}.sock`)];
}

/** Directories in which a panel's socket may appear, those above first. */
export function socketDirectories(
  runDir: string,
  panel: Pick<PanelConfig, 'name' | 'run' | 'target'>,
): readonly string[] {
  return socketPlaces(runDir, panel)
    .map((place) => dirname(place))
    .reverse();
}
