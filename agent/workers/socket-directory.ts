import { join } from 'node:path';
import type { PanelConfig } from '../config.js';

/**
 * Directory of a panel's socket below the run directory. Whoever can connect to a worker's socket is believed about who
 * calls, so workers that hold shells and are not the agent's own processes have a directory apart: their pod sees no other.
 */
export function socketDirectory(runDir: string, { run, target }: Pick<PanelConfig, 'run' | 'target'>): string {
  return join(runDir, run === 'external' && target === 'host' ? 'host' : 'workers');
}
