import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { startAgent, type Agent } from '#agent/agent.js';
import { createLauncher } from '#agent/workers/launcher.js';
import { createProcessTable } from '#agent/workers/process-table.js';
import { defaultStartTimes } from '#agent/workers/start-times.js';
import { createGateClient, type GateClient } from '#client/calls/gate-client.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createSystemClock } from '#common/time/clock.js';
import { ReloadStep, type ReloadResponse } from '#proto/agent/v1/agent.js';
import type { WorkerStatus } from '#proto/gate/v1/gate.js';
import { builtPrograms, createAgentHome, type AgentHome } from '#test/support/agent/running-agent.js';
import { echoed } from '#test/support/echoed.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(120_000);

/** An agent in this process, so that a test says how long workers may take, and the worker that it starts. */
describe('a new worker that hangs at its start', () => {
  const table = createProcessTable();
  let times: { answerMs: number; serveMs: number };
  let home: AgentHome;
  let program: string;
  let agent: Agent;
  let client: PaneletClient;
  let gate: GateClient;

  const reload = async (): Promise<readonly ReloadResponse[]> => {
    const steps: ReloadResponse[] = [];
    const request = { workers: true, panels: ['echo'], changedOnly: false, reason: '' };
    for await (const step of gate.reload(request)) steps.push(step);
    return steps;
  };

  beforeEach(async () => {
    home = createAgentHome(builtPrograms, { panels: [{ name: 'echo' }], log: { level: 'silent' } });
    program = join(home.dir, 'worker.mjs');
    home.configure({ workerCommand: [process.execPath, program] });
    writeFileSync(program, `await import(${JSON.stringify(builtPrograms.worker)});\n`);
    // The first one has the time that it needs.
    times = { ...defaultStartTimes };
    agent = await startAgent({
      ...{ configFile: home.configFile, overrides: {}, clusterAccess: undefined, version: '0.0.0' },
      pod: { name: '', uid: '', namespace: '', ip: undefined },
      ...{ workerCommand: [], env: process.env, table, launch: createLauncher(table), startTimes: times },
      ...{ log: createSilentLog(), clock: createSystemClock(), random: createSystemRandom() },
      signal: new AbortController().signal,
    });
    client = createPaneletClient({ address: home.address });
    gate = createGateClient({ address: home.address });
  });
  afterEach(async () => {
    await client.close();
    gate.close();
    await agent.stop();
    home.remove();
  });

  test('is ended when its time is over, which the reload says, and the one before serves on', async () => {
    const session = await client.open({ panel: 'echo' });
    expect(await echoed(session, 'before')).toBe('before');
    let before: readonly WorkerStatus[] = [];
    await waitFor('the session is counted', async () => {
      before = (await gate.status()).workers;
      return before[0]?.sessions === 1;
    });
    writeFileSync(program, `process.on('SIGTERM', () => undefined);\nsetInterval(() => undefined, 1_000);\n`);
    times.answerMs = 500;
    const steps = await reload();
    expect(steps.map(({ step }) => ReloadStep[step])).toEqual(['STARTED', 'FAILED']);
    const log = join(home.dir, 'state', 'logs', 'echo.log');
    expect(steps.at(-1)?.message).toBe(
      `The worker ended: it did not answer within 0.5 s; see ${log}. The worker before goes on; nothing was drained.`,
    );
    expect(readFileSync(`/proc/${before[0]?.pid}/cmdline`, 'utf8')).toContain(program);
    expect(table.findByArgument('--socket', join(home.dir, 'run', 'workers', 'echo.2.sock'))).toEqual([]);
    expect((await gate.status()).workers).toEqual(before);
    expect(await echoed(session, 'after')).toBe('after');
    expect(session.stats()).toMatchObject({ resumes: 0, moves: 0 });
  });
});
