import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { containerDirectory, containerSocket } from '#agent/workers/pod-directory.js';
import { createProcessTable, type ProcessId } from '#agent/workers/process-table.js';
import { panelDirectory } from '#agent/workers/socket-places.js';
import { createPaneletClient, type PaneletClient, type PaneletSession } from '#client/sdk.js';
import { lockDirectory } from '#common/files/directory-lock.js';
import { messageOf } from '#common/errors/errors.js';
import { createSystemRandom } from '#common/random.js';
import { createSystemClock } from '#common/time/clock.js';
import { createRawClient, helloBytes, statusOfCall } from '#test/support/agent/raw-session.js';
import {
  builtPrograms,
  connectAgent,
  createAgentHome,
  untilText,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import type { EchoLoad } from '#test/support/echo-load.js';
import { echoed } from '#test/support/echoed.js';
import { receiptOfDrain, startDrain, statusOfGate } from '#test/support/gate-calls.js';
import { flawless, flows, keepBusy } from '#test/support/running-load.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker } from '#test/support/worker-process.js';

jest.setTimeout(120_000);

const random = createSystemRandom();
const table = createProcessTable();
const clock = createSystemClock();
const [u1, u2] = ['11111111-old', '22222222-new'];

let home: AgentHome;
let clients: PaneletClient[];

const portOf = (uid: string): number => (uid === u1 ? 7443 : 7444);
const addressOf = (uid: string): string => `${home.host}:${portOf(uid)}`;
/** An agent of a pod, in the run and state directory of all of them. */
const start = async (uid: string, change: Record<string, unknown> = {}): Promise<AgentProcess> => {
  home.configure({ listen: addressOf(uid), ...change });
  return home.start({ PANELET_POD_UID: uid });
};
const startServing = async (uid: string): Promise<AgentProcess> => {
  const agent = await start(uid);
  await untilText(agent, 'Agent serves');
  return agent;
};
const workersOf = (uid: string): readonly ProcessId[] =>
  table.findByArgument('--socket', join(home.dir, 'run', 'pods', uid.slice(0, 8), 'echo.sock'));
const terminals = (): readonly ProcessId[] =>
  table.findByArgument('--socket', join(home.dir, 'run', 'workers', 'terminal.sock'));
const open = async (...uids: readonly string[]): Promise<PaneletSession> => {
  const client = createPaneletClient({ resolve: () => uids.map(addressOf) });
  clients.push(client);
  return client.open({ panel: 'echo' });
};
/** A session that is written to and read all the time, through the agents of these pods. */
const load = async (uids: () => readonly string[]): Promise<EchoLoad> => {
  const client = createPaneletClient({ resolve: () => uids().map(addressOf) });
  clients.push(client);
  const session = await client.open({ panel: 'echo' });
  return keepBusy(session, clock);
};
/** How often an agent has reached a worker of the terminal. */
const ups = (agent: AgentProcess): number => agent.log().split(/"panel":"terminal","from":"\w+","to":"up"/).length - 1;
/** What a release that knows one lock comes to that starts now. */
const earlierRelease = (): Promise<string> =>
  lockDirectory(join(home.dir, 'run', 'agent-lock'), { random }).then(async (lock) => {
    await lock.release();
    return 'started';
  }, messageOf);

beforeEach(() => {
  clients = [];
  home = createAgentHome(builtPrograms, {
    workerCommand: [process.execPath, builtPrograms.worker],
    panels: [{ name: 'echo' }, { name: 'terminal', target: 'host', parameters: { allowSameUser: 'true' } }],
  });
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  home.remove();
});

describe('two agents of a node, each of a pod', () => {
  test('serve beside each other, each with its own workers, and one’s end moves its sessions to the other', async () => {
    const old = await startServing(u1);
    const [moved, stays] = [await open(u1, u2), await open(u1, u2)];
    const young = await startServing(u2);
    const own = await open(u2);
    expect([workersOf(u1), workersOf(u2)].map(({ length }) => length)).toEqual([1, 1]);
    const cuts: string[] = [];
    own.on('reattaching', () => cuts.push('cut'));
    for (const session of [moved, stays, own]) expect(await echoed(session, 'before')).toBe('before');
    old.child.kill('SIGTERM');
    expect(await old.exited).toBe(0);
    expect(old.log()).toContain('"clean":true');
    for (const session of [moved, stays, own]) expect(await echoed(session, 'after')).toBe('after');
    expect([cuts, workersOf(u1)]).toEqual([[], []]);
    expect(young.log()).not.toContain('"level":50');
  });

  test('let clients through to each other’s workers: nobody loses a byte, whichever agent he knows', async () => {
    const old = await startServing(u1);
    const addresses = { current: [u1] };
    const ofBoth = await load(() => addresses.current);
    const ofOld = await load(() => [u1]);
    const young = await startServing(u2);
    // Its agent dies, and it goes on through the other one, in the worker that has it.
    addresses.current = [u2, u1];
    old.child.kill('SIGKILL');
    await old.exited;
    await flows(ofBoth);
    const again = await startServing(u1);
    await Promise.all([ofBoth, ofOld].map(flows));
    expect(young.log()).not.toContain('was lost');
    // A drain moves the sessions; their clients go on where they are.
    const gate = connectAgent(addressOf(u1));
    const { counts } = await receiptOfDrain(startDrain(gate.gate, { noticeMs: 2_000, timeoutMs: 60_000 }));
    gate.close();
    expect(counts).toMatchObject({ moved: 2, checkpointed: 0, forced: 0 });
    await Promise.all([ofBoth, ofOld].map(flows));
    // A new one opens in the worker that takes it.
    expect(await echoed(await open(u1), 'new')).toBe('new');
    await flawless(ofOld);
    again.child.kill('SIGTERM');
    expect(await again.exited).toBe(0);
    await flawless(ofBoth);
  });

  test('the clients of the older one that is drained have moved to the newer one when it is killed', async () => {
    const old = await startServing(u1);
    const loads = await Promise.all([1, 2, 3].map(() => load(() => [u1, u2])));
    const young = await startServing(u2);
    expect(await echoed(await open(u2), 'served')).toBe('served');
    await waitFor('it reaches the worker of the old one', () =>
      /"foreign":"[^"]+","from":"\w+","to":"up"/.test(young.log()),
    );
    await Promise.all(loads.map(flows));
    const gate = connectAgent(addressOf(u1));
    const { counts } = await receiptOfDrain(startDrain(gate.gate, { noticeMs: 2_000, timeoutMs: 60_000 }));
    gate.close();
    expect(counts).toMatchObject({ moved: 3, checkpointed: 0, forced: 0 });
    await Promise.all(loads.map(flows));
    const cuts: string[] = [];
    for (const { session } of loads) session.on('reattaching', () => cuts.push('cut'));
    old.child.kill('SIGKILL');
    await old.exited;
    await Promise.all(loads.map(flows));
    expect(cuts).toEqual([]);
    await Promise.all(loads.map(flawless));
  });

  test('speak of all sessions of the node, whichever of them has their worker, and end any', async () => {
    await startServing(u1);
    const older = await open(u1);
    const young = await startServing(u2);
    const newer = await open(u2);
    await waitFor('the new one reaches the old worker', () =>
      /"foreign":"[^"]+","from":"\w+","to":"up"/.test(young.log()),
    );
    const ids = [older, newer].map(({ sessionId }) => sessionId).sort();
    for (const uid of [u1, u2]) {
      const client = createPaneletClient({ address: addressOf(uid) });
      clients.push(client);
      await waitFor('both are listed', async () => {
        const listed = (await client.listSessions()).map(({ sessionId }) => sessionId).sort();
        return String(listed) === String(ids);
      });
    }
    const [, , ofOld, ofYoung] = clients;
    await ofYoung?.endSession(older.sessionId);
    await ofOld?.endSession(newer.sessionId);
    expect(await ofOld?.listSessions()).toEqual([]);
    await expect(ofYoung?.endSession(older.sessionId)).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('SIGTERM of the older one moves what its clients have to the newer one', async () => {
    const old = await startServing(u1);
    const loads = await Promise.all([1, 2, 3, 4].map(() => load(() => [u1, u2])));
    await startServing(u2);
    await Promise.all(loads.map(flows));
    old.child.kill('SIGTERM');
    expect(await old.exited).toBe(0);
    const silences = await Promise.all(loads.map(async (one) => (await flawless(one)).longestSilenceMs));
    process.stdout.write(
      `SIGTERM of the older agent: the longest silence is ${Math.round(Math.max(...silences))} ms\n`,
    );
  });

  test('send away at once who comes to the one that goes, whatever its end still waits for', async () => {
    home.configure({ gracePeriodSeconds: 90 });
    const old = await startServing(u1);
    await startServing(u2);
    const session = await open(u2);
    await waitFor('the old one reaches it, too', () => /"foreign":"[^"]+","from":"\w+","to":"up"/.test(old.log()));
    const [slow] = workersOf(u1);
    process.kill(slow?.pid ?? 0, 'SIGSTOP');
    old.child.kill('SIGTERM');
    await untilText(old, 'Agent stops');
    const client = createRawClient(addressOf(u1));
    const stream = client.open();
    const ended = statusOfCall(stream);
    stream.write(helloBytes('echo'));
    const { code, details } = await ended;
    client.close();
    expect([code, details]).toEqual([status.UNAVAILABLE, 'This agent goes. Try another one.']);
    expect([old.child.exitCode, old.child.signalCode]).toEqual([null, null]);
    old.child.kill('SIGKILL');
    expect(await echoed(session, 'as before')).toBe('as before');
  });

  test('one that goes alone keeps who comes until its end, though a panel of it has two hosts', async () => {
    const panels = [{ name: 'terminal' }, { name: 'echo', target: 'host', run: 'external', beside: true }];
    const hosts = panelDirectory({ runDir: join(home.dir, 'run'), podUid: '' }, { name: 'echo', target: 'host' });
    const workers = [];
    for (const uid of [u1, u2]) {
      const socket = join(containerDirectory(hosts, uid), containerSocket);
      const worker = spawnWorker({ dir: home.dir, socket, args: ['--target', 'host', '--beside'] });
      workers.push(worker);
      // Of two that start at one instant, the second one may be refused.
      await worker.ready;
    }
    const agent = await start(u1, { panels, gracePeriodSeconds: 90 });
    await untilText(agent, 'Agent serves');
    await waitFor('it reaches its own worker and both hosts', () =>
      ['"panel":"terminal",', `"hostPod":"${u1}",`, `"hostPod":"${u2}",`].every((of) =>
        new RegExp(`${of}"from":"\\w+","to":"up"`).test(agent.log()),
      ),
    );
    const [slow] = table.findByArgument('--socket', join(home.dir, 'run', 'pods', u1.slice(0, 8), 'terminal.sock'));
    process.kill(slow?.pid ?? 0, 'SIGSTOP');
    agent.child.kill('SIGTERM');
    await untilText(agent, 'Agent stops');
    const client = createRawClient(addressOf(u1));
    const stream = client.open();
    const ended = statusOfCall(stream);
    stream.write(helloBytes('echo'));
    await waitFor('it has come', () => agent.log().includes('"method":"Attach"'));
    process.kill(slow?.pid ?? 0, 'SIGCONT');
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE, details: 'The agent restarts. Attach again.' });
    client.close();
    await Promise.all(workers.map((worker) => worker.end()));
  });

  test('leave the workers of the other alone when they are killed and start again', async () => {
    const old = await startServing(u1);
    const session = await open(u1);
    await startServing(u2);
    await waitFor('the worker of the other', () => workersOf(u2).length === 1);
    const [before] = workersOf(u1);
    const [other] = workersOf(u2);
    old.child.kill('SIGKILL');
    await old.exited;
    await startServing(u1);
    expect(await echoed(session, 'after')).toBe('after');
    expect([workersOf(u1), workersOf(u2)]).toEqual([[before], [other]]);
  });

  test('share the workers of hosts, which the newest one keeps running, and the other one after its end', async () => {
    const old = await startServing(u1);
    await waitFor('the terminal', () => terminals().length === 1);
    const young = await startServing(u2);
    const [first] = terminals();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await untilText(young, 'Worker ended by itself');
    await waitFor('both reach another one', () => [old, young].every((agent) => ups(agent) === 2));
    expect(terminals().map(({ pid }) => pid)).not.toEqual([first?.pid]);
    expect(old.log()).not.toContain('Worker ended by itself');
    const [second] = terminals();
    young.child.kill('SIGKILL');
    await young.exited;
    await untilText(old, '"isNewest":true');
    process.kill(second?.pid ?? 0, 'SIGKILL');
    await waitFor('the old one starts it', () => terminals()[0] !== undefined && terminals()[0]?.pid !== second?.pid);
  });

  test('wait for one of the release before, and keep it out while one of them lives', async () => {
    const lock = await lockDirectory(join(home.dir, 'run', 'agent-lock'), { random });
    const starting = start(u1, { health: { listen: `${home.host}:8080` } });
    await waitFor('it waits', async () => {
      const answer = await fetch(`http://${home.host}:8080/readyz`).catch(() => undefined);
      return (await answer?.text())?.includes('Another agent still has the run directory') === true;
    });
    expect((await fetch(`http://${home.host}:8080/livez`)).status).toBe(200);
    await lock.release();
    const old = await starting;
    await untilText(old, 'Agent serves');
    home.configure({ health: undefined });
    await startServing(u2);
    expect(await earlierRelease()).toMatch(/has .*agent-lock/);
    old.child.kill('SIGKILL');
    await old.exited;
    // The other one has the lock at once, or in a moment.
    const held = (): number => readdirSync(join(home.dir, 'run', 'agent-lock')).length;
    await waitFor('it is handed on', () => held() > 0);
    await waitFor('it is kept out', async () => (await earlierRelease()) !== 'started');
  });

  const ownProgram = { panels: [{ name: 'echo', command: [process.execPath, builtPrograms.worker] }] };
  test.each([
    ['shares the node with nobody', ownProgram, { panels: [{ name: 'echo' }] }, 'The agent before it shares the node'],
    [
      'shares it, and the new one does not',
      { panels: [{ name: 'echo' }] },
      ownProgram,
      'its panel "echo" does not say',
    ],
  ])('say through the gate of one that serves that another waits: where it %s', async (_what, change, newer, words) => {
    const first = await start(u1, change);
    await untilText(first, 'Agent serves');
    const clientsOf = connectAgent(addressOf(u1));
    try {
      const told = async (): Promise<readonly string[]> =>
        (await statusOfGate(clientsOf.gate)).waiting.map(({ podUid, message }) => `${podUid}: ${message}`);
      expect(await told()).toEqual([]);
      const starting = start(u2, newer);
      await waitFor('the gate to tell', async () => (await told()).length === 1);
      expect(await told()).toEqual([expect.stringMatching(`^${u2}: .*${words}`)]);
      home.children().at(-1)?.kill('SIGKILL');
      await starting;
      await waitFor('one that is dead to wait no more', async () => (await told()).length === 0);
    } finally {
      clientsOf.close();
    }
  });

  test.each([
    ['is in no pod', '', {}],
    ['has workers beside it that something else runs', u1, { panels: [{ name: 'echo', run: 'external' }] }],
    [
      'starts programs of one’s own',
      u1,
      { panels: [{ name: 'echo', command: [process.execPath, builtPrograms.worker] }] },
    ],
  ])('do not start beside one that %s', async (_what, uid, change) => {
    const first = await start(uid, { ...change, listen: addressOf(u1) });
    await untilText(first, 'Agent serves');
    const starting = start(u2, { panels: [{ name: 'echo' }] });
    const lock = join(home.dir, 'run', 'pods', '22222222', 'agent-lock');
    await waitFor('it waits', () => existsSync(join(lock, 'owner')));
    first.child.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    const second = await starting;
    await untilText(second, 'Agent serves');
    expect(second.log()).toContain('still has the directory: waiting');
    expect(await start('').then(({ exited }) => exited)).toBe(2);
  });
});
