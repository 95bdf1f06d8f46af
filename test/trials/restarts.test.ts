import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { startTestCluster } from '#test/support/test-cluster.js';
import { restartKinds } from '../restarts/restart-plan.js';
import { runRestarts } from '../restarts/run-restarts.js';
import { soakReport } from '../soak/report.js';
import { isSoakFlawless } from '../soak/soak.js';

describe('sessions that write while the agents of a cluster are restarted in every way that there is', () => {
  test('lose nothing, nothing of them is repeated or moved, and each restart ends as it should', async () => {
    const root = process.cwd();
    const running = await startTestCluster({ binDirectory: join(root, 'dist', 'bin'), root, nodes: 1 });
    const lines: string[] = [];
    try {
      await running.agentsReady(60_000);
      const { signal } = new AbortController();
      const plan = { count: restartKinds.length, first: 1, sessions: 8, seed: 1, signal };
      const say = (line: string): void => void lines.push(line);
      const result = await runRestarts({ ...plan, test: running, clock: createSystemClock({ keepsAlive: true }), say });
      expect([isSoakFlawless(result), ...lines, ...soakReport(result)]).toContain(true);
      expect(result.restarts.map(({ kind }) => kind)).toEqual([...restartKinds]);
      expect(result.verdicts.every(({ sentBytes, moves }) => sentBytes > 0 && moves > 0)).toBe(true);
    } finally {
      expect(await running.stop()).toEqual([]);
    }
  }, 600_000);
});
