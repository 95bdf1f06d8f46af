/** Two pods on one node whose workers are containers of their own, as the chart has it: the agents only find their sockets. */
import { existsSync, linkSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { panelDirectory } from '#agent/workers/socket-places.js';
import { containerDirectory, containerSocket } from '#agent/workers/pod-directory.js';
import { createPaneletClient, type PaneletClient, type PaneletSession } from '#client/sdk.js';
import { lockDirectory, type DirectoryLock } from '#common/files/directory-lock.js';
import { createSystemRandom } from '#common/random.js';
import { createSystemClock } from '#common/time/clock.js';
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
import { receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { flawless, flows, keepBusy } from '#test/support/running-load.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(120_000);

const random = createSystemRandom();
const clock = createSystemClock();
/** Uids as the API server makes them. */
const [u1, u2] = ['11111111-2c3d-4e4f-8a5b-6c7d8e9f0a1b', '22222222-2c3d-4e4f-8a5b-6c7d8e9f0a1b'];
type Target = 'agent' | 'host';

let home: AgentHome;
let clients: PaneletClient[];
let workers: WorkerProcess[];

const place = () => ({ runDir: join(home.dir, 'run'), podUid: '' });
const sharedPlace = (target: Target): string =>
  join(panelDirectory(place(), { name: 'echo', target }), containerSocket);
const placeOf = (uid: string, target: Target): string =>
  join(containerDirectory(dirname(sharedPlace(target)), uid), containerSocket);
const addressOf = (uid: string): string => `${home.host}:${uid === u1 ? 7443 : 7444}`;

const startAgent = (uid: string, change: Record<string, unknown> = {}): Promise<AgentProcess> => {
  home.configure({ listen: addressOf(uid), ...change });
  return home.start({ PANELET_POD_UID: uid });
};
const startWorker = (socket: string, target: Target, ...args: readonly string[]): WorkerProcess => {
  const worker = spawnWorker({ dir: home.dir, socket, args: ['--target', target, '--lock-wait', '60', ...args] });
  workers.push(worker);
  return worker;
};
interface Pod {
  readonly agent: AgentProcess;
  readonly worker: WorkerProcess;
}
/** As the kubelet starts a pod: its sidecar, then its agent. */
const startPod = async (uid: string): Promise<Pod> => {
  const worker = startWorker(placeOf(uid, 'agent'), 'agent', '--beside');
  const agent = await startAgent(uid);
  await untilText(agent, 'Agent serves');
  await worker.ready;
  return { agent, worker };
};
/** As the kubelet ends one: the agent, then its sidecars. */
const endPod = async ({ agent, worker }: Pod): Promise<void> => {
  agent.child.kill('SIGTERM');
  expect(await agent.exited).toBe(0);
  worker.child.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
};
const killPod = async ({ agent, worker }: Pod): Promise<void> => {
  agent.child.kill('SIGKILL');
  worker.child.kill('SIGKILL');
  await Promise.all([agent.exited, worker.exited]);
};

const open = (...uids: readonly string[]): Promise<PaneletSession> => {
  const client = createPaneletClient({ resolve: () => uids.map(addressOf) });
  clients.push(client);
  return client.open({ panel: 'echo' });
};
/** A session that is written to and read all the time. */
const load = async (...uids: readonly string[]): Promise<EchoLoad> => {
  const session = await open(...uids);
  return keepBusy(session, clock);
};
/** Until the agent that was started last says that it waits for another one. */
const untilLastWaits = (): Promise<void> => {
  let text = '';
  home
    .children()
    .at(-1)
    ?.stderr?.on('data', (part: string) => (text += part));
  return waitFor('it waits', () => text.includes('still has the directory: waiting'));
};
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });

beforeEach(() => {
  [clients, workers] = [[], []];
  home = createAgentHome(builtPrograms, { panels: [{ name: 'echo', run: 'external', beside: true }] });
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(workers.map((worker) => worker.end()));
  home.remove();
});

describe('two pods of a node, whose workers are containers beside their agents', () => {
  test('live beside each other; the older one drains to the newer one, and dies: nobody loses a byte', async () => {
    const old = await startPod(u1);
    const loads = await Promise.all([1, 2, 3, 4].map(() => load(u1, u2)));
    const young = await startPod(u2);
    await Promise.all(loads.map(flows));
    const own = await open(u2);
    const cuts: string[] = [];
    own.on('reattaching', () => cuts.push('cut'));
    const gate = connectAgent(addressOf(u1));
    const { counts } = await receiptOfDrain(startDrain(gate.gate, { noticeMs: 2_000, timeoutMs: 60_000 }));
    gate.close();
    expect(counts).toMatchObject({ moved: 4, checkpointed: 0, forced: 0 });
    // Their clients are where they were, and the sessions in the other pod.
    await Promise.all(loads.map(flows));
    await killPod(old);
    await Promise.all(loads.map(flows));
    for (const one of loads) expect(one.session.stats()).toMatchObject({ losses: 0 });
    await Promise.all(loads.map(flawless));
    expect(await echoed(own, 'after')).toBe('after');
    expect(cuts).toEqual([]);
    expect(young.worker.stderr()).not.toContain('"level":50');
  });

  test('SIGTERM of the older one moves what its clients have to the newer one', async () => {
    const old = await startPod(u1);
    const loads = await Promise.all([1, 2, 3, 4].map(() => load(u1, u2)));
    await startPod(u2);
    await endPod(old);
    await Promise.all(loads.map(flows));
    await Promise.all(loads.map(flawless));
    expect(existsSync(placeOf(u1, 'agent'))).toBe(false);
  });

  test('let clients through to each other’s workers, and keep no socket of the other for their own', async () => {
    const old = await startPod(u1);
    const ofOld = await load(u1);
    const young = await startPod(u2);
    const ofYoung = await load(u2);
    // Each agent dies and comes back: it has its own worker again, though the other pod's answers.
    for (const [uid, pod] of [
      [u1, old],
      [u2, young],
    ] as const) {
      pod.agent.child.kill('SIGKILL');
      await pod.agent.exited;
      await startAgent(uid);
      const about = connectAgent(addressOf(uid));
      const { status } = await new Promise<{ status?: { workers: readonly { pid: number }[] } }>((resolve, reject) => {
        about.gate.status({}, (error, answer) => (error === null ? resolve(answer as never) : reject(error)));
      });
      about.close();
      expect(status?.workers.map(({ pid }) => pid)).toEqual([pod.worker.pid]);
    }
    await Promise.all([ofOld, ofYoung].map(flows));
    await Promise.all([ofOld, ofYoung].map(flawless));
  });

  test('follow each other as before: the next one has what the one before has written down', async () => {
    const old = await startPod(u1);
    const one = await load(u1, u2);
    await endPod(old);
    await startPod(u2);
    await flows(one);
    await flawless(one);
  });

  test('a worker takes no place in which another one listens', async () => {
    const { worker } = await startPod(u1);
    const thief = startWorker(placeOf(u1, 'agent'), 'agent', '--beside');
    expect(await thief.exited).toMatchObject({ code: 1 });
    expect(thief.stderr()).toContain('ALREADY_RUNNING');
    expect((await worker.ready).pid).toBe(worker.pid);
    await flawless(await load(u1));
  });
});

describe('a pod of the release before, which knows one place and one lock', () => {
  const before = { panels: [{ name: 'echo', run: 'external' }] };
  const startBefore = async (uid: string): Promise<Pod> => {
    const worker = startWorker(sharedPlace('agent'), 'agent');
    return { worker, agent: await startAgent(uid, before) };
  };

  test('is waited for at an upgrade, and keeps its sessions', async () => {
    const old = await startBefore(u1);
    await untilText(old.agent, 'Agent serves');
    const one = await load(u1, u2);
    const worker = startWorker(placeOf(u2, 'agent'), 'agent', '--beside');
    const starting = startAgent(u2, { panels: [{ name: 'echo', run: 'external', beside: true }] });
    await untilLastWaits();
    await flows(one);
    await endPod(old);
    await untilText(await starting, 'Agent serves');
    await worker.ready;
    await flows(one);
    await flawless(one);
  });

  test('waits at a rollback until the newer one has gone, and goes on with its sessions', async () => {
    const young = await startPod(u1);
    const one = await load(u1, u2);
    const starting = startBefore(u2);
    await untilLastWaits();
    await flows(one);
    await endPod(young);
    await untilText((await starting).agent, 'Agent serves');
    await flows(one);
    await flawless(one);
  });

  test('has its worker’s lock kept from it, and its own kept for it', async () => {
    const lockOf = (): Promise<DirectoryLock> =>
      lockDirectory(join(home.dir, 'state', 'sessions', 'echo', 'lock'), { random });
    const lock = await lockOf();
    const waiting = startWorker(placeOf(u1, 'agent'), 'agent', '--beside');
    await waitFor('it waits', () => waiting.stderr().includes('still has the directory: waiting'));
    expect(existsSync(placeOf(u1, 'agent'))).toBe(false);
    await lock.release();
    await waiting.ready;
    const beside = startWorker(placeOf(u2, 'agent'), 'agent', '--beside');
    await beside.ready;
    await waiting.end();
    await waitFor('the other one has it', () =>
      lockOf().then(
        (taken) => taken.release().then(() => false),
        () => true,
      ),
    );
  });
});

describe('hosts, each in a pod of its own', () => {
  beforeEach(() => home.configure({ panels: [{ name: 'echo', run: 'external', target: 'host' }] }));
  const startHost = async (uid: string): Promise<WorkerProcess> => {
    const host = startWorker(placeOf(uid, 'host'), 'host', '--beside');
    await host.ready;
    return host;
  };
  const isLinked = (uid: string): boolean =>
    existsSync(sharedPlace('host')) && statSync(sharedPlace('host')).ino === statSync(placeOf(uid, 'host')).ino;

  test('are found where they are, also one that comes later, and are linked where the release before looks', async () => {
    await startAgent(u1);
    const first = await startHost('host-a');
    const one = await load(u1);
    await waitFor('the first one is linked', () => isLinked('host-a'));
    const second = await startHost('host-b');
    await flows(one);
    await flawless(one);
    first.child.kill('SIGTERM');
    await first.exited;
    await flawless(await load(u1));
    await waitFor('the second one is linked', () => isLinked('host-b'));
    // That release finds it: a rollback of the agents alone.
    home.children().at(-1)?.kill('SIGKILL');
    rmSync(join(home.dir, 'run', 'host', 'echo', 'host-b'), { recursive: true });
    await startAgent(u1);
    await flawless(await load(u1));
    // And a host of that release takes the place of one that has been killed.
    await second.end();
    expect(await answers(sharedPlace('host'))).toBe(false);
    await startWorker(sharedPlace('host'), 'host').ready;
    await flawless(await load(u1));
  });

  test('of a drained one the sessions go on in the next, whichever agent their clients know', async () => {
    const [, first] = [await startAgent(u1), await startHost('host-a')];
    const one = await load(u1);
    await startHost('host-b');
    await startAgent(u2);
    const another = await load(u2);
    first.child.kill('SIGTERM');
    expect(await first.exited).toMatchObject({ code: 0 });
    await Promise.all([one, another].map(flows));
    await Promise.all([one, another].map(flawless));
  });

  test('leave alone whoever else listens where the release before looks', async () => {
    const before = startWorker(join(home.dir, 'elsewhere.sock'), 'agent', '--beside');
    await before.ready;
    mkdirSync(dirname(sharedPlace('host')), { recursive: true });
    linkSync(before.socket, sharedPlace('host'));
    const host = await startHost('host-a');
    await startAgent(u1);
    await flawless(await load(u1));
    expect(statSync(sharedPlace('host')).ino).toBe(statSync(before.socket).ino);
    await before.end();
    host.child.kill('SIGTERM');
    await host.exited;
    await startHost('host-b');
    await waitFor('it is linked once nobody listens there', () => isLinked('host-b'));
  });
});
