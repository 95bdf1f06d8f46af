import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemCode } from '#common/errors/storage-error.js';
import type { PanelConfig } from '../config/config.js';

/** Paths at which a worker may listen; the first is where it belongs. */
export type SocketPlaces = readonly [string, ...string[]];

/**
 * Where a panel's worker listens, below the run directory; beside the place where it belongs the one at which a worker of the release before may
 * still listen, because hosts outlive an upgrade. Whoever can connect to a worker's socket is believed about who calls, so a worker that is not the
 * agent's own process has a directory for itself: its container mounts that one, and reaches no other worker. Of several workers that the agent
 * starts for a panel, each has a number.
 */
export function socketPlaces(
  runDir: string,
  { name, run, target }: Pick<PanelConfig, 'name' | 'run' | 'target'>,
  number = 1,
): SocketPlaces {
  if (run === 'spawn') return [join(runDir, 'workers', `${numberedName(name, number)}.sock`)];
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

/** What the files of a panel's worker are called. The first one's are those that releases know which have one worker a panel. */
export function numberedName(panel: string, number: number): string {
  return number === 1 ? panel : `${panel}.${number}`;
}

/**
 * Numbers of the workers of a panel that have left a socket or a record, in rising order; never empty, as the first one is looked for anyway.
 * @throws what the system says when the directory cannot be read
 */
export function workerNumbers(runDir: string, { name, run }: Pick<PanelConfig, 'name' | 'run'>): readonly number[] {
  if (run !== 'spawn') return [1];
  const found = namesIn(join(runDir, 'workers')).map((file) => {
    // The name of a panel has no dots.
    const [panel, number] = file.replace(/\.(sock|json)$/, '').split('.');
    return panel === name && /^[1-9]\d{0,8}$/.test(number ?? '') ? Number(number) : 1;
  });
  return [...new Set([1, ...found])].sort((a, b) => a - b);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
