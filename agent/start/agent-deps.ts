import type { ClusterAccess } from '#kube/plain/cluster-access.js';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { ConfigOverrides } from '../config/config.js';
import type { PodFacts } from '../kube/cluster.js';
import type { Launcher } from '../workers/launcher.js';
import type { ProcessTable } from '../workers/process-table.js';
import type { StartTimes } from '../workers/start-times.js';

/** What an agent needs from the outside. */
export interface AgentDeps {
  readonly configFile: string;
  readonly overrides: ConfigOverrides;
  readonly pod: PodFacts;
  /** How the API server is reached; undefined outside of a cluster. */
  readonly clusterAccess: ClusterAccess | undefined;
  readonly version: string;
  /** Program and leading arguments of workers, where the configuration does not say. */
  readonly workerCommand: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly table: ProcessTable;
  readonly launch: Launcher;
  /** @default defaultStartTimes */
  readonly startTimes?: StartTimes;
  /** Calls the start off, while it waits for another agent to end or for a certificate. */
  readonly signal: AbortSignal;
}
