import { createHash } from 'node:crypto';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createSeededRandom, type Random } from '#common/random.js';
import { DrainPhase } from '#proto/session/v1/session.js';
import { until } from '#test/support/conditions.js';
import { startCuttingProxy, type CuttingProxy } from '#test/support/cutting-proxy.js';
import { createEchoFake } from '#test/support/fake-panels.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { startFakeWorker, type FakeWorker } from '#test/support/fake-worker.js';
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
  await session.end();
  return hash.digest('hex');
}

async function receive(session: PaneletSession): Promise<string> {
  const hash = createHash('sha256');
  for await (const item of session) {
    if (item.kind === 'data') hash.update(item.payload);
    else if (item.kind !== 'fin') throw new Error(`unexpected ${item.kind}`);
  }
  return hash.digest('hex');
}

// Real processes and connections, on machines that may be busy.
jest.setTimeout(30_000);

describe('over a connection that breaks', () => {
  let worker: FakeWorker;
  let proxy: CuttingProxy;
  let client: PaneletClient;
  afterEach(async () => {
    await client.close();
    await proxy.close();
    await worker.close();
  });

  test.each(isExhaustive ? [1, 2, 3, 4] : [1, 2])('nothing is lost, doubled or reordered (seed %i)', async (seed) => {
    const random = createSeededRandom(seed);
    worker = await startFakeWorker({ panels: { echo: createEchoFake } });
    proxy = await startCuttingProxy(() => worker.port, { random, cutAfterBytes: [2_000, 150_000] });
    client = createPaneletClient({ address: proxy.address, reattach: fast, maxSessionsPerConnection: 2 });
    const sessions = await Promise.all(Array.from({ length: 4 }, () => client.open({ panel: 'echo' })));
    const work = sessions.map(async (session) => {
      const [sent, received] = await Promise.all([send(session, random, 300_000), receive(session)]);
      const echoed = worker.sessions.get(session.sessionId)?.panel as ReturnType<typeof createEchoFake>;
      return { sent, received, taken: echoed.digest() };
    });
    let drains = 0;
    const drainer = setInterval(() => {
      // A slow machine has to get somewhere between them.
      if (drains === 25) return;
      worker.drain(DrainPhase.READY);
      if (drains++ % 2 === 0) worker.checkpointAndRestore();
    }, 20);
    const results = await Promise.all(work);
    clearInterval(drainer);
    for (const { sent, received, taken } of results) {
      expect(taken).toBe(sent);
      expect(received).toBe(sent);
    }
    expect(proxy.cuts).toBeGreaterThan(5);
    expect(sessions.reduce((sum, session) => sum + session.stats().resumes, 0)).toBeGreaterThan(20);
    expect(sessions.every((session) => session.stats().losses === 0)).toBe(true);
  });

  test('a connection that is silently dead is noticed by a ping and replaced', async () => {
    worker = await startFakeWorker({ panels: { echo: createEchoFake } });
    proxy = await startCuttingProxy(() => worker.port);
    client = createPaneletClient({
      address: proxy.address,
      reattach: fast,
      liveness: { idleMs: 40, timeoutMs: 40 },
      times: { attachTimeoutMs: 100 },
    });
    const session = await client.open({ panel: 'echo' });
    await until(() => session.stats().pingMs !== undefined, 'a ping is answered');
    proxy.frozen = true;
    await session.write('through');
    await until(() => session.phase === 'reattaching', 'noticed');
    proxy.frozen = false;
    const first = await session[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ kind: 'data', payload: Buffer.from('through') });
  });

  test('it gives up when the time to live is over', async () => {
    worker = await startFakeWorker({ panels: { echo: createEchoFake } });
    proxy = await startCuttingProxy(() => worker.port);
    client = createPaneletClient({ address: proxy.address, reattach: fast, times: { reattachTimeoutMs: 100 } });
    const session = await client.open({ panel: 'echo' });
    proxy.refusing = true;
    proxy.cut();
    await session.over;
    await expect(session.write('x')).rejects.toMatchObject({ code: 'TRANSPORT_LOST' });
    expect(session.failure?.message).toMatch(/^No connection to the session for too long\./);
  });

  test('200 sessions come back over few connections', async () => {
    worker = await startFakeWorker({ panels: { echo: createEchoFake } });
    proxy = await startCuttingProxy(() => worker.port);
    client = createPaneletClient({ address: proxy.address, reattach: fast });
    const sessions = await Promise.all(Array.from({ length: 200 }, () => client.open({ panel: 'echo' })));
    expect(proxy.connections).toBeLessThanOrEqual(3);
    for (let round = 1; round <= 3; round++) {
      proxy.cut();
      await until(() => sessions.every((session) => session.stats().resumes >= round), 'all are back');
    }
    await until(() => proxy.connections <= 4, 'old connections are closed');
    await Promise.all(sessions.map((session) => session.write('x')));
    await Promise.all(sessions.map((session) => session.settled()));
  });
});
