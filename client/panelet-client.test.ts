import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { receiptOfDrain, cordon, startDrain, uncordon } from '#test/support/gate-calls.js';
import { startRunningNode, type RunningNode } from '#test/support/node/running-node.js';
import { createCounterPanel } from '#test/support/panels/counter-panel.js';
import { createScreenPanel } from '#test/support/panels/screen-panel.js';
import { createSlowPanel } from '#test/support/panels/slow-panel.js';
import { createStuckPanel } from '#test/support/stuck-panels.js';
import { waitFor } from '#test/support/wait-for.js';
import { panelEventContent } from '#worker/panel/panel-event.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { createPaneletClient, type PaneletClient, type PaneletSession, type SessionItem } from './sdk.js';

async function nextOf(session: PaneletSession): Promise<SessionItem | undefined> {
  const result = await session[Symbol.asyncIterator]().next();
  return result.done === true ? undefined : result.value;
}

async function textOf(session: PaneletSession): Promise<string> {
  const item = await nextOf(session);
  return item?.kind === 'data' ? Buffer.from(item.payload).toString() : `(${item?.kind ?? 'end'})`;
}

/** Content of an event that has an echo session hold the gate for longer than any test. */
const heldForever = Buffer.from(JSON.stringify({ ms: 600_000 }));
const forcedEnd = /^A restart \(a new version\) ended the session by force\./;

/** The panel `mortal`: an echo whose sessions do not survive a crash of their worker. */
function createMortalPanel(): PanelDefinition {
  return { ...createEchoPanel(), name: 'mortal', afterCrash: 'end' };
}

// Real processes and connections, on machines that may be busy.
jest.setTimeout(30_000);

describe('a client', () => {
  let node: RunningNode;
  let client: PaneletClient;
  const otherClient = (): PaneletClient => createPaneletClient({ address: node.address, token: 'secret' });
  /** A drain that waits for nothing that is stuck. */
  const forcedDrain = (): Promise<unknown> =>
    receiptOfDrain(startDrain(node.worker('echo').running.gate, { timeoutMs: 50 }));

  beforeEach(async () => {
    node = await startRunningNode({ panels: [createEchoPanel()] });
    client = otherClient();
  });
  afterEach(async () => {
    await client.close();
    await node.close();
  });

  test('opens a session for the owner of its token, writes, reads and ends', async () => {
    const session = await client.open({ panel: 'echo' });
    await session.write('hello');
    const owners = (await node.worker('echo').sessions()).map(({ owner }) => owner);
    await session.end();
    let text = '';
    for await (const item of session) if (item.kind === 'data') text += Buffer.from(item.payload).toString();
    expect(text).toBe('hello');
    expect(owners).toEqual(['alice']);
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
    await session.flushed();
    await receiptOfDrain(startDrain(node.worker('echo').running.gate));
    await node.worker('echo').restart();
    await session.write('after');
    await session.flushed();
    expect((await textOf(session)) + (await textOf(session))).toBe('before after');
    expect(heard).toEqual([
      ['notice', 'notice', 'checkpointed', 'a new version'],
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
      await node.kill();
      await waitFor('the loss is seen', () => session.phase === 'reattaching');
      await node.listen();
      await waitFor('it is resumed', () => gaps.length === round);
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
    expect(await first.closed).toMatchObject({ kind: 'failed', error: { code: 'ATTACH_SUPERSEDED' } });
    const { attaches } = node;
    await second.write('mine');
    expect(await textOf(second)).toBe('mine');
    expect(node.attaches).toBe(attaches);
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
    await node.worker('echo').crash();
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
    await node.worker('echo').crash();
    await expect(nextOf(session)).resolves.toMatchObject({ kind: 'lost' });
    await expect(nextOf(session)).rejects.toMatchObject({ code: 'SESSION_LOST' });
    expect(await session.closed).toMatchObject({ kind: 'failed', error: { code: 'SESSION_LOST' } });
  });

  test('says that a session has ended with its worker', async () => {
    await node.offer(createMortalPanel());
    const session = await client.open({ panel: 'mortal' });
    await node.worker('mortal').crash();
    await expect(nextOf(session)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });

  test('gets the end of a session that somebody ends, and by whom', async () => {
    const session = await client.open({ panel: 'echo' });
    const other = otherClient();
    await other.endSession(session.sessionId);
    const ending = { cause: 'asked', message: 'The session was ended by alice.' };
    expect(await nextOf(session)).toEqual({ kind: 'ended', ...ending });
    expect(await nextOf(session)).toBeUndefined();
    expect(await session.closed).toEqual({ kind: 'ended', ...ending });
    await other.close();
  });

  test('is told that a restart has ended it by force: an item after all output, and why', async () => {
    const session = await client.open({ panel: 'echo' });
    await session.write('last words');
    await session.send('hold', heldForever);
    expect(await nextOf(session)).toMatchObject({ kind: 'data' });
    await session.flushed();
    await forcedDrain();
    const ending = { cause: 'forced', message: expect.stringMatching(forcedEnd) as unknown };
    expect(await nextOf(session)).toEqual({ kind: 'ended', ...ending });
    expect(await nextOf(session)).toBeUndefined();
    expect(await session.closed).toEqual({ kind: 'ended', ...ending });
  });

  test('is told nothing of an end that it asked for', async () => {
    const session = await client.open({ panel: 'echo' });
    await session.terminate();
    expect(await nextOf(session)).toBeUndefined();
    expect(await session.closed).toMatchObject({ kind: 'ended', cause: 'asked' });
  });

  test('is left once, however often that is asked for, and the session lives', async () => {
    const session = await client.open({ panel: 'echo' });
    const told: unknown[] = [];
    session.on('detached', (event) => told.push(event));
    await Promise.all([session.detach(), session.detach(), session[Symbol.asyncDispose]()]);
    await session.detach();
    expect(told).toHaveLength(1);
    expect((await client.listSessions()).map(({ sessionId }) => sessionId)).toEqual([session.sessionId]);
    await expect(session.write('x')).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  });

  test('terminates a session once, however often that is asked for, and for whom it is closed already', async () => {
    const session = await client.open({ panel: 'echo' });
    await Promise.all([session.terminate(), session.terminate(), session.terminate()]);
    await session.terminate();
    await session.detach();
    expect(node.ends).toBe(1);
    expect(await session.closed).toMatchObject({ kind: 'ended', cause: 'asked' });
    const left = await client.open({ panel: 'echo' });
    await left.detach();
    await left.terminate();
    expect(await left.closed).toEqual({ kind: 'detached' });
    expect(await client.listSessions()).toEqual([]);
  });

  test('says that a session could not be terminated, and tries again when it is asked to', async () => {
    const session = await client.open({ panel: 'echo' });
    await node.kill();
    await expect(session.terminate()).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE' });
    expect(session.phase).not.toBe('closed');
    await node.listen();
    await session.terminate();
    expect(await client.listSessions()).toEqual([]);
  });

  test('does not terminate what another client has taken over', async () => {
    const first = await client.open({ panel: 'echo' });
    const other = otherClient();
    const second = await other.resume(first.resumeState());
    await first.closed;
    await expect(first.terminate()).rejects.toMatchObject({ code: 'ATTACH_SUPERSEDED' });
    await second.write('mine');
    expect(await textOf(second)).toBe('mine');
    await other.close();
  });

  test('is flushed once the worker has everything, and never when it is left before', async () => {
    const session = await client.open({ panel: 'echo' });
    let attempts = 0;
    session.on('reattaching', ({ attempt }) => (attempts = attempt));
    await session.flushed();
    await node.kill();
    await waitFor('the loss is seen', () => session.phase === 'reattaching');
    await session.write('meanwhile');
    let isFlushed = false;
    const flushed = session.flushed().then(() => (isFlushed = true));
    await waitFor('it has tried to come back', () => attempts > 1);
    expect(isFlushed).toBe(false);
    await node.listen();
    await flushed;
    await node.kill();
    await waitFor('the loss is seen', () => session.phase === 'reattaching');
    await session.write('lost');
    const never = session.flushed();
    await session.detach();
    await expect(never).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
    await node.listen();
  });

  test('streams of a session that was ended fail instead of looking complete', async () => {
    const session = await client.open({ panel: 'echo' });
    const all = session.stdout.toArray();
    await session.send('hold', heldForever);
    await session.flushed();
    all.catch(() => undefined);
    await forcedDrain();
    await expect(all).rejects.toMatchObject({
      code: 'DRAIN_FORCED',
      message: expect.stringMatching(forcedEnd) as unknown,
    });
  });

  test('bounds what a reader who does not read costs, and loses nothing of it', async () => {
    const panel = createCounterPanel();
    await node.offer(panel);
    const session = await client.open({ panel: 'counter', parameters: { count: '40000' } });
    let before = -1;
    await waitFor('it writes no more', () => before === (before = panel.written));
    expect(panel.written * 64).toBeLessThan(1_100_000);
    let text = '';
    for await (const item of session) if (item.kind === 'data') text += Buffer.from(item.payload).toString();
    const lines = text.split('\n');
    expect(lines).toHaveLength(40_001);
    expect(lines.every((line, index) => index === 40_000 || Number(line) === index)).toBe(true);
  });

  test('holds a writer back whose worker does not read', async () => {
    await node.offer(createStuckPanel());
    const session = await client.open({ panel: 'stuck', parameters: { kind: 'parked-input' } });
    let taken = 0;
    const writing = (async () => {
      for (;;) {
        await session.write(Buffer.alloc(16 * 1024));
        taken += 16 * 1024;
      }
    })();
    writing.catch(() => undefined);
    await waitFor('the replay buffer is full', () => taken >= 512 * 1024);
    let before = -1;
    await waitFor('nothing more is taken', () => before === (before = taken));
    // Replay buffer, what the worker holds unread within its credit, and one write.
    expect(taken).toBeLessThanOrEqual((512 + 256 + 64) * 1024);
    await session.terminate();
    await expect(writing).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });

  test('goes on with a session of another process: snapshot, then what comes', async () => {
    await node.offer(createScreenPanel());
    const session = await client.open({ panel: 'screen' });
    await session.write('drawn');
    expect(await textOf(session)).toBe('drawn');
    const saved = session.resumeState();
    await session.detach();
    expect(await session.closed).toEqual({ kind: 'detached' });
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
    const { gate } = node.worker('echo').running;
    await cordon(gate);
    const impatient = createPaneletClient({ address: node.address, token: 'secret', times: { openTimeoutMs: 0 } });
    await expect(impatient.open({ panel: 'echo' })).rejects.toMatchObject({ code: 'CORDONED' });
    const opening = client.open({ panel: 'echo' });
    await waitFor('another attempt, after one that was refused', () => node.attaches > 2);
    await uncordon(gate);
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
    await node.setTokens('another');
    await expect(client.open({ panel: 'echo' })).rejects.toThrow('Nobody has this token.');
  });

  test('asks for another token where an agent does not take the one it had, and goes on with that', async () => {
    let token = 'secret';
    const asked: boolean[] = [];
    const rotating = createPaneletClient({
      address: node.address,
      token: ({ refused }) => {
        asked.push(refused);
        if (refused) token = 'another';
        return token;
      },
    });
    const session = await rotating.open({ panel: 'echo' });
    expect(asked).toEqual([false]);
    await node.setTokens('another');
    await node.kill();
    await node.listen();
    await waitFor('it is attached again', () => session.stats().resumes === 1);
    // Refused once, and not asked for yet another one.
    expect(asked.filter((refused) => refused)).toEqual([true]);
    expect(asked.at(-1)).toBe(true);
    await rotating.close();
  });

  test('ends a session for good, and lists panels and sessions', async () => {
    const session = await client.open({ panel: 'echo' });
    expect((await client.listPanels()).panels.map((panel) => panel.name)).toContain('echo');
    expect((await client.listSessions()).map((listed) => listed.sessionId)).toEqual([session.sessionId]);
    await session.terminate();
    expect(await session.closed).toMatchObject({ kind: 'ended', cause: 'asked' });
    await expect(session.write('x')).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    await expect(client.endSession('nothing')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('gives up opening when the caller does', async () => {
    const slow = createSlowPanel();
    await node.offer(slow);
    const giveUp = new AbortController();
    const opening = client.open({ panel: 'slow', signal: giveUp.signal });
    await waitFor('the attempt arrives', () => slow.opening === 1);
    giveUp.abort();
    await expect(opening).rejects.toThrow('given up');
    await expect(client.open({ panel: 'echo', signal: giveUp.signal })).rejects.toThrow('given up');
    await expect(client.listSessions('echo')).resolves.toEqual([]);
  });

  test('is closed once, however often that is asked for, and leaves its sessions', async () => {
    const session = await client.open({ panel: 'echo' });
    await Promise.all([client.close(), client[Symbol.asyncDispose]()]);
    await client.close();
    expect(await session.closed).toEqual({ kind: 'detached' });
    const other = otherClient();
    expect(await other.listSessions()).toHaveLength(1);
    await other.close();
  });

  test('spreads sessions over connections', async () => {
    const spread = createPaneletClient({ address: node.address, token: 'secret', maxSessionsPerConnection: 10 });
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
    await session.send('digest', Buffer.alloc(0));
    expect(await textOf(session)).toBe('x');
    const answer = await nextOf(session);
    expect(answer).toMatchObject({ kind: 'event', name: 'digest' });
    expect(answer?.kind === 'event' && panelEventContent(answer.payload)).toMatchObject({ bytes: 1 });
    await expect(session.send('big', Buffer.alloc(5000))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
