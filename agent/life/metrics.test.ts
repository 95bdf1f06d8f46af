import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { GateStatus, State } from '#proto/gate/v1/gate.js';
import { createAgentMetrics, type AgentMetrics } from './metrics.js';
import type { NodeWorker, WorkerStage } from '../workers/node-worker.js';

function start(isTold = true): AgentMetrics {
  const metrics = createAgentMetrics(createFakeClock());
  const panel = { name: 'echo', target: 'agent' };
  const workerWith = (number: number, stage: WorkerStage, status: object): NodeWorker =>
    ({ panel, number, stage, link: { state: () => ({ kind: 'up', status }) } }) as unknown as NodeWorker;
  const old = workerWith(1, 'retiring', { sessions: 2, fencing: 8 });
  const newest = workerWith(2, 'newest', { sessions: 1, fencing: 7 });
  metrics.observe({
    workers: () => [old, newest],
    isTold: () => isTold,
    gateStatus: () => GateStatus.fromPartial({ state: State.CORDONED, fencing: 7 }),
    connections: () => 2,
    certificate: () => undefined,
  });
  return metrics;
}

describe('the metrics of an agent', () => {
  test('show its panels, gate and connections as they are when somebody looks', async () => {
    const { body } = await start().render();
    for (const line of [
      ...['panelet_sessions{panel="echo"} 3', 'panelet_worker_up{panel="echo"} 1', 'panelet_connections 2'],
      'panelet_workers_retiring{panel="echo"} 1',
      'panelet_worker_fencing_ahead{panel="echo"} 1',
      'panelet_gate_state{target="agent",state="CORDONED"} 1',
      'panelet_gate_state{target="agent",state="SERVING"} 0',
    ]) {
      expect(body).toContain(`${line}\n`);
    }
  });

  test('leave out workers that another agent of the node tells of', async () => {
    const metrics = start(false);
    metrics.countAttach('echo', 'OK');
    const { body } = await metrics.render();
    expect(body).not.toContain('panelet_sessions{');
    expect(body).toContain('panelet_attaches_total{panel="echo",code="OK"} 1\n');
  });

  test('never have a series for a panel that somebody made up', async () => {
    const metrics = start();
    metrics.countAttach('echo', 'OK');
    metrics.countAttach('made-up', 'NOT_FOUND');
    const { body } = await metrics.render();
    expect(body).toContain('panelet_attaches_total{panel="echo",code="OK"} 1\n');
    expect(body).toContain('panelet_attaches_total{panel="",code="NOT_FOUND"} 1\n');
    expect(body).not.toContain('made-up');
  });

  test('count how finding out who calls ended', async () => {
    const metrics = start();
    metrics.countAuthentication('expired');
    const { body } = await metrics.render();
    expect(body).toContain('panelet_authentications_total{result="expired"} 1\n');
    expect(body).toContain('panelet_authentications_total{result="limit"} 0\n');
  });

  test('are those that docs/reference/metrics.md describes', async () => {
    const text = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
    const section = text.split(/^## /m).find((part) => part.startsWith('Agent\n')) ?? '';
    const described = [...section.matchAll(/^\| `(panelet_[a-z_]+)` \| (\w+) \|/gm)].map((found) => found.slice(1, 3));
    const { body } = await start().render();
    const given = [...body.matchAll(/^# TYPE (panelet_\S+) (\S+)$/gm)].map((found) => found.slice(1, 3));
    expect(described.sort()).toEqual(given.sort());
  });
});
