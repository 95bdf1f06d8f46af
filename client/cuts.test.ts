import { createHash } from 'node:crypto';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createSeededRandom, type Random } from '#common/random.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import type { HandoffResponse } from '#proto/worker/v1/worker.js';
import { startCuttingProxy, type CuttingProxy } from '#test/support/cutting-proxy.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { ask } from '#test/support/gate-calls.js';
import type { RestartableWorker } from '#test/support/node/restartable-worker.js';
import { startRunningNode, type RunningNode } from '#test/support/node/running-node.js';
import { waitFor } from '#test/support/wait-for.js';
import { panelEventContent } from '#worker/panel/panel-event.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { createPaneletClient, type PaneletClient, type PaneletSession } from './sdk.js';

const fast = { initialMs: 1, maxMs: 5, plannedMaxMs: 5 };

async function send(session: PaneletSession, random: Random, sizeBytes: number): Promise<string> {
  const hash = createHash('sha256');
  for (let sent = 0; sent < sizeBytes;) {
    const chunk = random.bytes(Math.min(sizeBytes - sent, 1 + Math.floor(random.number() * 9000)));
    sent += chunk.length;
    hash.update(chunk);
    await session.write(chunk);
    if (random.number() < 0.05) session.resize({ rows: 24, cols: 80 });
  }
  await session.send('digest', Buffer.alloc(0));
  await session.end();
  return hash.digest('hex');
}

interface Received {
  /** SHA-256 of the output. */
  readonly received: string;
  /** SHA-256 of the input, as the worker says. */
  readonly taken: unknown;
}

async function receive(session: PaneletSession): Promise<Received> {
  const hash = createHash('sha256');
  let taken: unknown;
  for await (const item of session) {
    if (item.kind === 'data') hash.update(item.payload);
    else if (item.kind === 'event') taken = panelEventContent(item.payload)['sha256'];
    else if (item.kind !== 'fin') throw new Error(`unexpected: ${JSON.stringify(item)}`);
  }
  return { received: hash.digest('hex'), taken };
}

const clock = createSystemClock({ keepsAlive: true });

/** Hands clients over to the same worker, and to the next one, in turns. */
async function restartAgainAndAgain(worker: RestartableWorker, signal: AbortSignal): Promise<void> {
  // A slow machine has to get somewhere between them.
  for (let drains = 0; drains < 25 && !signal.aborted; drains++) {
    if (drains % 2 === 0) await worker.restart();
    else await handOver(worker);
    await sleep(clock, 20);
  }
}

function handOver({ running }: RestartableWorker): Promise<HandoffResponse> {
  const request = { reason: 'a test', retryAfter: undefined, agentInstance: '', within: undefined };
  return ask((callback) => running.control.handoff(request, callback));
}

// Real processes and connections, on machines that may be busy.
jest.setTimeout(60_000);

describe('over a connection that breaks', () => {
  let node: RunningNode;
  let proxy: CuttingProxy;
  let client: PaneletClient;
  afterEach(async () => {
    await client.close();
    await proxy.close();
    await node.close();
  });

  test.each(isExhaustive ? [1, 2, 3, 4] : [1])('nothing is lost, doubled or reordered (seed %i)', async (seed) => {
    const random = createSeededRandom(seed);
    node = await startRunningNode({ panels: [createEchoPanel()] });
    proxy = await startCuttingProxy(() => node.agentPort, { random, cutAfterBytes: [2_000, 150_000] });
    client = createPaneletClient({
      address: proxy.address,
      token: 'secret',
      reattach: fast,
      maxSessionsPerConnection: 2,
    });
    const sessions = await Promise.all(Array.from({ length: 4 }, () => client.open({ panel: 'echo' })));
    const done = new AbortController();
    const restarting = restartAgainAndAgain(node.worker('echo'), done.signal);
    const results = await Promise.all(
      sessions.map(async (session) => {
        const [sent, received] = await Promise.all([
          send(session, random, isExhaustive ? 300_000 : 150_000),
          receive(session),
        ]);
        return { sent, ...received };
      }),
    );
    done.abort();
    await restarting;
    for (const { sent, received, taken } of results) {
      expect(taken).toBe(sent);
      expect(received).toBe(sent);
    }
    expect(proxy.cuts).toBeGreaterThan(5);
    expect(sessions.reduce((sum, session) => sum + session.stats().resumes, 0)).toBeGreaterThan(20);
    expect(sessions.every((session) => session.stats().losses === 0)).toBe(true);
  });

  test('a connection that is silently dead is noticed by a ping and replaced', async () => {
    node = await startRunningNode({ panels: [createEchoPanel()] });
    proxy = await startCuttingProxy(() => node.agentPort);
    client = createPaneletClient({
      address: proxy.address,
      token: 'secret',
      reattach: fast,
      liveness: { idleMs: 40, timeoutMs: 40 },
      times: { attachTimeoutMs: 100 },
    });
    const session = await client.open({ panel: 'echo' });
    await waitFor('a ping is answered', () => session.stats().pingMs !== undefined);
    proxy.frozen = true;
    await session.write('through');
    await waitFor('noticed', () => session.phase === 'reattaching');
    proxy.frozen = false;
    const first = await session[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ kind: 'data', payload: Buffer.from('through') });
  });

  test('it gives up when the time to live is over', async () => {
    node = await startRunningNode({ panels: [createEchoPanel()] });
    proxy = await startCuttingProxy(() => node.agentPort);
    client = createPaneletClient({
      address: proxy.address,
      token: 'secret',
      reattach: fast,
      times: { reattachTimeoutMs: 100 },
    });
    const session = await client.open({ panel: 'echo' });
    proxy.refusing = true;
    proxy.cut();
    const problem = expect.stringMatching(
      /^No connection to the session for too long\. .*cannot be reached/,
    ) as unknown;
    const advice = expect.stringMatching(/check the address/i) as unknown;
    const facts = { code: 'TRANSPORT_LOST', problem, advice, details: { address: proxy.address } };
    expect(await session.closed).toMatchObject({ kind: 'failed', error: facts });
    await expect(session.write('x')).rejects.toMatchObject({ code: 'TRANSPORT_LOST' });
    await expect(session.terminate()).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE' });
    proxy.refusing = false;
    expect(await client.listSessions()).toHaveLength(1);
    await session.terminate();
    expect(await client.listSessions()).toEqual([]);
  });

  test('200 sessions come back over few connections', async () => {
    node = await startRunningNode({ panels: [createEchoPanel()] });
    proxy = await startCuttingProxy(() => node.agentPort);
    client = createPaneletClient({ address: proxy.address, token: 'secret', reattach: fast });
    const sessions = await Promise.all(Array.from({ length: 200 }, () => client.open({ panel: 'echo' })));
    expect(proxy.connections).toBeLessThanOrEqual(3);
    for (let round = 1; round <= 3; round++) {
      proxy.cut();
      await waitFor('all are back', () => sessions.every((session) => session.stats().resumes >= round));
    }
    await waitFor('old connections are closed', () => proxy.connections <= 4);
    await Promise.all(sessions.map((session) => session.write('x')));
    await Promise.all(sessions.map((session) => session.flushed()));
  });
});
