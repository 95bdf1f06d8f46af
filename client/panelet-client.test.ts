import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { DrainPhase, EndCause } from '#proto/session/v1/session.js';
import { until } from '#test/support/conditions.js';
import { createCounterFake, createEchoFake, createScreenFake, createStuffedFake } from '#test/support/fake-panels.js';
import { startFakeWorker, type FakeWorker } from '#test/support/fake-worker.js';
import { createPaneletClient, type PaneletClient, type PaneletSession, type SessionItem } from './sdk.js';

async function nextOf(session: PaneletSession): Promise<SessionItem | undefined> {
  const result = await session[Symbol.asyncIterator]().next();
  return result.done === true ? undefined : result.value;
}

async function textOf(session: PaneletSession): Promise<string> {
  const item = await nextOf(session);
  return item?.kind === 'data' ? Buffer.from(item.payload).toString() : `(${item?.kind ?? 'end'})`;
}

// Real processes and connections, on machines that may be busy.
jest.setTimeout(30_000);

describe('a client', () => {
  let worker: FakeWorker;
  let client: PaneletClient;
  const otherClient = (): PaneletClient => createPaneletClient({ address: worker.address, token: 'secret' });

  beforeEach(async () => {
    worker = await startFakeWorker({
      panels: {
        echo: createEchoFake,
        stuffed: createStuffedFake,
        counter: createCounterFake,
        screen: createScreenFake,
      },
    });
    client = otherClient();
  });
  afterEach(async () => {
    await client.close();
    await worker.close();
  });

  test('opens a session, writes, reads and ends', async () => {
    const session = await client.open({ panel: 'echo' });
    await session.write('hello');
    await session.end();
    let text = '';
    for await (const item of session) if (item.kind === 'data') text += Buffer.from(item.payload).toString();
    expect(text).toBe('hello');
    expect(worker.authorization).toBe('Bearer secret');
    expect(session.stats()).toMatchObject({ bytesIn: 5, bytesOut: 5, resumes: 0, losses: 0, duplicates: 0 });
  });

  test('re-attaches at once after drain READY, to a restored worker, and says so', async () => {
    const session = await client.open({ panel: 'echo' });
    const heard: unknown[] = [];
    session.on('notice', (event) => heard.push(['notice', event.phase, event.fate, event.reason]));
    session.on('frozen', () => heard.push(['frozen']));
    session.on('reattaching', (event) => heard.push(['reattaching', event.attempt, event.delayMs, event.planned]));
    session.on('resumed', (event) => heard.push(['resumed', event.exact, event.incarnation]));
    await session.write('before ');
    await session.settled();
    worker.drain(DrainPhase.NOTICE);
    worker.drain(DrainPhase.FREEZE);
    worker.drain(DrainPhase.READY);
    worker.checkpointAndRestore();
    await session.write('after');
    await session.settled();
    expect((await textOf(session)) + (await textOf(session))).toBe('before after');
    expect(heard).toEqual([
      ['notice', 'notice', 'checkpointed', 'a test'],
      ['frozen'],
      ['reattaching', 1, 0, true],
      ['resumed', true, 2],
    ]);
    expect(session.stats().gapsMs).toHaveLength(1);
  });

  test('comes back each time its agent does, and measures the gap', async () => {
    const session = await client.open({ panel: 'echo' });
    const gaps: number[] = [];
    session.on('resumed', (event) => gaps.push(event.gapMs));
    for (let round = 1; round <= 5; round++) {
      await worker.kill();
      await until(() => session.phase === 'reattaching', 'the loss is seen');
      await worker.listen();
      await until(() => gaps.length === round, 'resumed');
    }
    expect(session.stats().gapsMs).toEqual(gaps);
    await session.write('still here');
    expect(await textOf(session)).toBe('still here');
  });

  test('stops when it is superseded, and never fights back', async () => {
    const first = await client.open({ panel: 'echo' });
    const told: string[] = [];
    first.on('superseded', () => told.push('superseded'));
    const other = otherClient();
    const second = await other.resume(first.resumeState());
    await expect(nextOf(first)).rejects.toMatchObject({ code: 'ATTACH_SUPERSEDED' });
    await expect(first.write('x')).rejects.toMatchObject({ code: 'ATTACH_SUPERSEDED' });
    expect(told).toEqual(['superseded']);
    expect(await first.over).toBe('failed');
    const { attaches } = worker;
    await second.write('mine');
    expect(await textOf(second)).toBe('mine');
    expect(worker.attaches).toBe(attaches);
    await other.close();
  });

  test('is refused to take over without asking for it', async () => {
    const first = await client.open({ panel: 'echo' });
    const other = otherClient();
    await expect(other.resume({ ...first.resumeState(), takeover: false })).rejects.toMatchObject({
      code: 'ATTACH_SUPERSEDED',
    });
    await first.write('undisturbed');
    expect(await textOf(first)).toBe('undisturbed');
    await other.close();
  });

  test('tells what is lost when the worker has crashed, and goes on', async () => {
    const session = await client.open({ panel: 'echo' });
    const losses: unknown[] = [];
    session.on('lost', (loss) => losses.push(loss));
    await session.write('one');
    expect(await textOf(session)).toBe('one');
    worker.crash();
    expect(await nextOf(session)).toMatchObject({
      kind: 'lost',
      loss: { incarnation: 1, input: { from: 1, through: 1 }, code: 'WORKER_CRASHED' },
    });
    await session.write('two');
    expect(await textOf(session)).toBe('two');
    expect(losses).toHaveLength(1);
    expect(session.stats().losses).toBe(1);
  });

  test('ends when frames are lost, if that was asked for', async () => {
    const session = await client.open({ panel: 'echo', onLoss: 'end' });
    worker.crash();
    await expect(nextOf(session)).resolves.toMatchObject({ kind: 'lost' });
    await expect(nextOf(session)).rejects.toMatchObject({ code: 'SESSION_LOST' });
    expect(await session.over).toBe('failed');
  });

  test('says that a session has ended with its worker', async () => {
    const session = await client.open({ panel: 'echo' });
    worker.crash('end');
    await expect(nextOf(session)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });

  test('gets the end of a session that somebody ends', async () => {
    const session = await client.open({ panel: 'echo' });
    worker.end(session.sessionId, 'ended by an operator');
    expect(await nextOf(session)).toBeUndefined();
    expect(await session.over).toBe('ended');
  });

  test('is told that a restart has ended it by force: an item after all output, and why', async () => {
    const session = await client.open({ panel: 'echo' });
    await session.write('last words');
    expect(await nextOf(session)).toMatchObject({ kind: 'data' });
    worker.end(session.sessionId, 'A restart ended it.', EndCause.FORCED);
    const ending = { cause: 'forced', message: 'A restart ended it.' };
    expect(await nextOf(session)).toEqual({ kind: 'ended', ...ending });
    expect(await nextOf(session)).toBeUndefined();
    expect([await session.over, session.ending]).toEqual(['ended', ending]);
  });

  test('is told nothing of an end that it asked for', async () => {
    const session = await client.open({ panel: 'echo' });
    await session.close();
    expect(await nextOf(session)).toBeUndefined();
    expect(session.ending).toBeUndefined();
  });

  test('streams of a session that was ended fail instead of looking complete', async () => {
    const session = await client.open({ panel: 'echo' });
    const all = session.stdout.toArray();
    worker.end(session.sessionId, 'A restart ended it.', EndCause.FORCED);
    await expect(all).rejects.toMatchObject({ code: 'DRAIN_FORCED', message: 'A restart ended it.' });
  });

  test('bounds what a reader who does not read costs, and loses nothing of it', async () => {
    const session = await client.open({ panel: 'counter', parameters: { count: '40000' } });
    const panel = worker.sessions.get(session.sessionId)?.panel as ReturnType<typeof createCounterFake>;
    let before = -1;
    while (panel.written !== before) {
      before = panel.written;
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(panel.written * 64).toBeLessThan(1_100_000);
    let text = '';
    for await (const item of session) if (item.kind === 'data') text += Buffer.from(item.payload).toString();
    const lines = text.split('\n');
    expect(lines).toHaveLength(40_001);
    expect(lines.every((line, index) => index === 40_000 || Number(line) === index)).toBe(true);
  });

  test('holds a writer back whose worker does not read', async () => {
    const session = await client.open({ panel: 'stuffed' });
    let taken = 0;
    const writing = (async () => {
      for (;;) {
        await session.write(Buffer.alloc(16 * 1024));
        taken += 16 * 1024;
      }
    })();
    writing.catch(() => undefined);
    await until(() => taken >= 512 * 1024, 'the replay buffer is full');
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    // Replay buffer, what the worker holds unread within its credit, and one write.
    expect(taken).toBeLessThanOrEqual((512 + 256 + 64) * 1024);
    await session.close();
    await expect(writing).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });

  test('goes on with a session of another process: snapshot, then what comes', async () => {
    const session = await client.open({ panel: 'screen' });
    await session.write('drawn');
    expect(await textOf(session)).toBe('drawn');
    await until(() => worker.sessions.get(session.sessionId)?.link.endpoint.unackedCount() === 0, 'acknowledged');
    const saved = session.resumeState();
    await session.detach();
    expect(await session.over).toBe('detached');
    const other = otherClient();
    const resumed = await other.resume(saved);
    expect(await nextOf(resumed)).toMatchObject({ kind: 'snapshot', contentType: 'text/vnd.panelet.screen' });
    await resumed.write('more');
    expect(await textOf(resumed)).toBe('more');
    await other.close();
  });

  test('cannot resume with a wrong token, nor what does not exist', async () => {
    const session = await client.open({ panel: 'echo' });
    const other = otherClient();
    const resumeToken = Buffer.alloc(41, 1).toString('base64');
    await expect(other.resume({ ...session.resumeState(), resumeToken })).rejects.toMatchObject({
      code: 'SESSION_UNKNOWN',
    });
    await expect(
      other.resume({ ...session.resumeState(), sessionId: '00000000-0000-4000-8000-000000000000' }),
    ).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    await other.close();
  });

  test('waits for a cordon to end when it opens, as long as told', async () => {
    worker.cordoned = true;
    const impatient = createPaneletClient({ address: worker.address, times: { openTimeoutMs: 0 } });
    await expect(impatient.open({ panel: 'echo' })).rejects.toMatchObject({ code: 'CORDONED' });
    const opening = client.open({ panel: 'echo' });
    await until(() => worker.attaches === 2, 'refused');
    worker.cordoned = false;
    expect((await opening).phase).toBe('attached');
    await impatient.close();
  });

  test('says clearly that nothing listens at the address, soon', async () => {
    const lost = createPaneletClient({ address: '127.0.0.1:9', times: { connectTimeoutMs: 100 } });
    await expect(lost.open({ panel: 'echo' })).rejects.toThrow(
      /127\.0\.0\.1:9 cannot be reached\. Nothing listens there/,
    );
    await expect(lost.listPanels()).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE' });
  });

  test('passes on what an agent says about identity and panel', async () => {
    await expect(client.open({ panel: 'nothing' })).rejects.toMatchObject({ code: 'PANEL_UNKNOWN' });
    worker.refuseWith = new PaneletError('IDENTITY_MISSING', 'Nobody knows this token.');
    await expect(client.open({ panel: 'echo' })).rejects.toThrow('Nobody knows this token.');
  });

  test('ends a session for good, and lists panels and sessions', async () => {
    const session = await client.open({ panel: 'echo' });
    expect((await client.listPanels()).panels.map((panel) => panel.name)).toContain('echo');
    expect((await client.listSessions()).map((listed) => listed.sessionId)).toEqual([session.sessionId]);
    await session.close();
    expect(await session.over).toBe('ended');
    await expect(session.write('x')).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    await expect(client.endSession('nothing')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('gives up opening when the caller does', async () => {
    worker.silent = true;
    const giveUp = new AbortController();
    const opening = client.open({ panel: 'echo', signal: giveUp.signal });
    await until(() => worker.attaches === 1, 'the attempt arrives');
    giveUp.abort();
    await expect(opening).rejects.toThrow('given up');
  });

  test('spreads sessions over connections', async () => {
    const spread = createPaneletClient({ address: worker.address, maxSessionsPerConnection: 10 });
    const sessions = await Promise.all(Array.from({ length: 35 }, () => spread.open({ panel: 'echo' })));
    await Promise.all(sessions.map((session, index) => session.write(String(index))));
    expect(await Promise.all(sessions.map(textOf))).toEqual(sessions.map((_, index) => String(index)));
    await spread.close();
  });

  test('keeps the order of resizes, signals and data', async () => {
    const session = await client.open({ panel: 'echo' });
    session.resize({ rows: 10, cols: 20 });
    await session.write('x');
    await session.signal('SIGINT');
    await session.send('mark', Buffer.from('y'));
    expect(await textOf(session)).toBe('x');
    expect(await nextOf(session)).toMatchObject({ kind: 'event', name: 'mark' });
    await expect(session.send('big', Buffer.alloc(5000))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
