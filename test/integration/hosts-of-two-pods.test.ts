/** Host pods of two generations on one node, as the chart has them: containers with a place of their pod's, which every agent of the node finds. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { containerDirectory, containerSocket } from '#agent/workers/pod-directory.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { createSystemClock } from '#common/time/clock.js';
import { msToTimestamp, timestampToMs } from '#common/time/timestamp.js';
import {
  State,
  Target,
  type GateServiceClient,
  type GateStatus,
  type RetireResponse,
  type StatusResponse,
} from '#proto/gate/v1/gate.js';
import {
  builtPrograms,
  connectAgent,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { ask, command, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { HeardSession } from '#test/support/heard-session.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(120_000);

const clock = createSystemClock();

const [older, younger] = ['aaaaaaaa-2c3d-4e4f-8a5b-6c7d8e9f0a1b', 'bbbbbbbb-2c3d-4e4f-8a5b-6c7d8e9f0a1b'];

let home: AgentHome;
let clients: PaneletClient[];
let hosts: WorkerProcess[];
let gates: { close(): void }[];

const startHost = async (podUid: string): Promise<WorkerProcess> => {
  const socket = join(containerDirectory(join(home.dir, 'run', 'host', 'terminal'), podUid), containerSocket);
  const args = ['--target', 'host', '--beside', '--lock-wait', '60', '--parameter', 'allowSameUser=true'];
  const host = spawnWorker({ dir: home.dir, panel: 'terminal', socket, args, env: { PANELET_POD_UID: podUid } });
  hosts.push(host);
  await host.ready;
  return host;
};
const startAgent = (): Promise<AgentProcess> => home.start({ PANELET_POD_UID: 'cccccccc-2c3d-4e4f-8a5b-6c7d8e9f0a1b' });
const gateOf = (): GateServiceClient => {
  const agent = connectAgent(home.address);
  gates.push(agent);
  return agent.gate;
};
const statusOf = async (gate: GateServiceClient, podUid?: string): Promise<GateStatus> => {
  const { status } = await ask<StatusResponse>((done) => gate.status({ podUid }, done));
  if (status === undefined) throw new Error('There is no status.');
  return status;
};
const untilSeen = (gate: GateServiceClient, ...pods: readonly string[]): Promise<void> =>
  waitFor(`the agent sees the pods ${pods.join(', ')}`, async () => {
    const { workers } = await statusOf(gate);
    return pods.every((pod) => workers.some(({ podUid, state }) => podUid === pod && state !== State.UNSPECIFIED));
  });

/** A shell that says what it is asked. */
interface Shell {
  readonly heard: HeardSession;
  /** Its process, asked anew. */
  pid(): Promise<number>;
  ended(): boolean;
}
const openShell = async (): Promise<Shell> => {
  const client = createPaneletClient({ resolve: () => [home.address] });
  clients.push(client);
  const heard = new HeardSession(await client.open({ panel: 'terminal', parameters: { command: '/bin/sh' } }));
  let [count, isOver] = [0, false];
  void heard.over.then(() => (isOver = true));
  return {
    heard,
    ended: () => isOver,
    pid: async () => {
      const mark = `pid${(count += 1)}`;
      await heard.session.write(`echo ${mark}:$$.\n`);
      const answer = new RegExp(`${mark}:(\\d+)\\.`);
      await heard.until(answer);
      return Number(answer.exec(heard.text)?.[1]);
    },
  };
};

beforeEach(() => {
  [clients, hosts, gates] = [[], [], []];
  home = createAgentHome(builtPrograms, { panels: [{ name: 'terminal', run: 'external', target: 'host' }] });
});
afterEach(async () => {
  for (const gate of gates) gate.close();
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(hosts.map((host) => host.end()));
  home.remove();
});

describe('a gate command that names the pod of a host', () => {
  test('is about that pod’s sessions only: a drain of the older one touches none of the newer one’s', async () => {
    await startHost(older);
    await startAgent();
    const gate = gateOf();
    const inOlder = await openShell();
    const pid = await inOlder.pid();
    await startHost(younger);
    await untilSeen(gate, older, younger);
    await ask((done) => gate.cordon({ ...cordonOf('r1'), podUid: older }, done));
    const inYounger = await openShell();
    const youngPid = await inYounger.pid();
    expect(await inOlder.pid()).toBe(pid);
    expect(await statusOf(gate, older)).toMatchObject({ state: State.CORDONED, restartUid: 'r1', sessions: 1 });
    expect(await statusOf(gate, younger)).toMatchObject({ state: State.SERVING, restartUid: '', sessions: 1 });
    const receipt = await receiptOfDrain(startDrain(gate, { ...drainOf('r1'), podUid: older }));
    expect(receipt).toMatchObject({ podUid: older, counts: { forced: 1, kept: 0 } });
    expect(receipt.forced).toHaveLength(1);
    const again = await ask<{ receipt?: unknown }>((done) =>
      gate.getReceipt({ restartUid: 'r1', podUid: older }, done),
    );
    expect(again.receipt).toEqual(receipt);
    await waitFor('the older shell has ended', () => inOlder.ended());
    expect(inYounger.ended()).toBe(false);
    expect(await inYounger.pid()).toBe(youngPid);
  });

  test('is still about that pod only, at an agent that follows one which was killed', async () => {
    await startHost(older);
    const agent = await startAgent();
    const before = gateOf();
    const inOlder = await openShell();
    await startHost(younger);
    await untilSeen(before, older, younger);
    const drain = startDrain(before, { ...drainOf('r1'), timeoutMs: 600_000, leaseMs: 600_000, podUid: older });
    await waitFor('it is under way', () => drain.states.includes(State.NOTIFIED));
    agent.child.kill('SIGKILL');
    await agent.exited;
    await startAgent();
    const gate = gateOf();
    await untilSeen(gate, older, younger);
    const inYounger = await openShell();
    await inYounger.pid();
    await waitFor('the agent has heard of it', async () => (await statusOf(gate, younger)).sessions === 1);
    expect(await statusOf(gate, younger)).toMatchObject({ state: State.SERVING });
    expect(await statusOf(gate, older)).toMatchObject({ state: State.NOTIFIED, restartUid: 'r1', sessions: 1 });
    await ask((done) =>
      gate.uncordon({ command: command('r1'), target: Target.HOST, anyRestart: false, podUid: older }, done),
    );
    expect(await statusOf(gate, older)).toMatchObject({ state: State.SERVING, sessions: 1 });
    expect(inOlder.ended()).toBe(false);
  });

  test('is refused where that pod is not there, and where it is about agents', async () => {
    await startHost(older);
    await startAgent();
    const gate = gateOf();
    await untilSeen(gate, older);
    const asked = ask((done) => gate.cordon({ ...cordonOf('r1'), podUid: younger }, done));
    await expect(asked).rejects.toMatchObject({ code: 'POD_UNKNOWN' });
    const wrong = ask((done) => gate.cordon({ ...cordonOf('r1'), target: Target.AGENT, podUid: older }, done));
    await expect(wrong).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    expect(await statusOf(gate, older)).toMatchObject({ state: State.SERVING });
  });

  test('that names none is about the hosts of all pods', async () => {
    await startHost(older);
    await startAgent();
    const gate = gateOf();
    await startHost(younger);
    await untilSeen(gate, older, younger);
    const receipt = await receiptOfDrain(startDrain(gate, drainOf('r1')));
    expect(receipt.podUid).toBeUndefined();
    for (const pod of [older, younger]) expect(await statusOf(gate, pod)).toMatchObject({ state: State.CLOSED });
  });
});

/** Has a pod retire, by a time in milliseconds from now where one is given. */
const retire = (gate: GateServiceClient, podUid: string, inMs?: number): Promise<RetireResponse> => {
  const retireAt = inMs === undefined ? undefined : msToTimestamp(clock.date().getTime() + inMs);
  return ask<RetireResponse>((done) =>
    gate.retire({ command: command('r1'), target: Target.HOST, podUid, ...(retireAt && { retireAt }) }, done),
  );
};

describe('a host pod that retires', () => {
  let gate: GateServiceClient;
  let agent: AgentProcess;
  let olderHost: WorkerProcess;
  let shell: Shell;
  let pid: number;

  beforeEach(async () => {
    olderHost = await startHost(older);
    agent = await startAgent();
    gate = gateOf();
    shell = await openShell();
    pid = await shell.pid();
    await startHost(younger);
    await untilSeen(gate, older, younger);
  });
  const isIn = async (podUid: string, sessions: number): Promise<void> =>
    waitFor(`${podUid} has ${sessions} sessions`, async () => (await statusOf(gate, podUid)).sessions === sessions);

  test('goes on with its shells, and new terminals open in the newer one, also when agent and worker come back', async () => {
    const { status } = await retire(gate, older);
    expect(status).toMatchObject({ state: State.CORDONED, restartUid: '', retiring: true, sessions: 1 });
    expect(status?.workers).toMatchObject([{ podUid: older, retiring: true, sessions: 1 }]);
    const fresh = await openShell();
    await fresh.pid();
    await isIn(younger, 1);
    expect(await shell.pid()).toBe(pid);
    const listed = (await clients[0]?.listSessions()) ?? [];
    expect(listed.map(({ retiring, endsAt }) => [retiring, endsAt])).toEqual([
      [true, undefined],
      [false, undefined],
    ]);
    agent.child.kill('SIGKILL');
    await agent.exited;
    await startAgent();
    gate = gateOf();
    await untilSeen(gate, older, younger);
    expect(await shell.pid()).toBe(pid);
    // Its container starts again: it has come last then, and gets nothing new all the same.
    await olderHost.end();
    await waitFor('its shell is gone', () => shell.ended());
    olderHost = await startHost(older);
    await untilSeen(gate, older, younger);
    expect(await statusOf(gate, older)).toMatchObject({ state: State.CORDONED, retiring: true, sessions: 0 });
    await (await openShell()).pid();
    await waitFor('the newer one has it', async () => (await statusOf(gate, younger)).sessions >= 2);
    expect(await statusOf(gate, older)).toMatchObject({ sessions: 0 });
  });

  test('gives a receipt of its own where it is drained, and retires on where that is called off', async () => {
    await retire(gate, older);
    const drain = startDrain(gate, { ...drainOf('r2'), timeoutMs: 600_000, podUid: older });
    await waitFor('it is under way', () => drain.states.includes(State.NOTIFIED));
    await ask((done) =>
      gate.uncordon({ command: command('r2'), target: Target.HOST, anyRestart: false, podUid: older }, done),
    );
    expect(await drain.done).toMatchObject({ status: { state: State.SERVING } });
    expect(await statusOf(gate, older)).toMatchObject({ state: State.CORDONED, restartUid: '', retiring: true });
    expect(await shell.pid()).toBe(pid);
    await shell.heard.session.write('exit\n');
    await isIn(older, 0);
    const receipt = await receiptOfDrain(startDrain(gate, { ...drainOf('r2'), podUid: older }));
    expect(receipt).toMatchObject({ podUid: older, restartUid: 'r2', counts: { forced: 0 } });
  });

  test('counts down for its clients, and ends what is left at its time, which may come later or sooner', async () => {
    const notices: { phase: string; fate: string; remainingMs: number }[] = [];
    shell.heard.session.on('notice', (notice) => notices.push(notice));
    const told = (least: number, most: number): Promise<void> =>
      waitFor(`told of ${least} to ${most} ms`, () =>
        notices.some(({ fate, remainingMs }) => fate === 'ends' && remainingMs > least && remainingMs <= most),
      );
    const { status } = await retire(gate, older, 600_000);
    expect(status?.retireAt).toBeDefined();
    await told(500_000, 600_000);
    const [listed] = (await clients[0]?.listSessions()) ?? [];
    expect(listed?.endsAt?.getTime()).toBe(status?.retireAt && timestampToMs(status.retireAt));
    await retire(gate, older, 3_600_000);
    await told(3_500_000, 3_600_000);
    const other = await openShell();
    const otherPid = await other.pid();
    expect(shell.ended()).toBe(false);
    await retire(gate, older);
    await waitFor('the countdown is called off', () => notices.at(-1)?.phase === 'cancelled');
    await retire(gate, older, 0);
    await waitFor('it has ended', () => shell.ended());
    expect(await other.pid()).toBe(otherPid);
    const { counts, podUid } = await receiptOfDrain(startDrain(gate, { ...drainOf('r2'), podUid: older }));
    expect([podUid, counts]).toMatchObject([older, { forced: 1 }]);
    // And so it does where its container starts after its time.
    await olderHost.end();
    await startHost(older);
    await waitFor('it is through', async () => (await statusOf(gate, older)).state === State.CLOSED);
  });

  test('has to be there, and is named', async () => {
    await expect(retire(gate, 'dddddddd-2c3d')).rejects.toMatchObject({ code: 'POD_UNKNOWN' });
    await expect(retire(gate, '')).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    expect(await statusOf(gate, older)).toMatchObject({ retiring: false, state: State.SERVING });
    // One that has been killed could not remember it.
    await olderHost.end();
    await waitFor('that is seen', async () => (await statusOf(gate, older)).workers[0]?.state === State.UNSPECIFIED);
    await expect(retire(gate, older)).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
  });
});

function cordonOf(uid: string) {
  return { command: command(uid), lease: { seconds: 60, nanos: 0 }, reason: '', target: Target.HOST };
}
function drainOf(uid: string) {
  return { command: command(uid), target: Target.HOST, timeoutMs: 2_000 };
}
