/** Workers that something else starts, as the kubelet does with native sidecars: the agent only finds their sockets. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { socketPlaces } from '#agent/workers/socket-places.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { createSystemClock } from '#common/time/clock.js';
import { State, type StatusRequest, type StatusResponse } from '#proto/gate/v1/gate.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { isFlawless, startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';

const clock = createSystemClock();
let home: AgentHome;
let client: PaneletClient | undefined;
const workers: ChildProcess[] = [];

beforeEach(() => {
  home = createAgentHome(builtPrograms, { panels: [{ name: 'echo', run: 'external' }] });
  home.configure({ health: { listen: `${home.host}:7080` } });
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  home.remove();
});

type Release = 'this' | 'before';

/** Where a worker of this release, or of the one before, listens. */
function socketOf(target: 'agent' | 'host', release: Release): string {
  const [own, earlier] = socketPlaces(
    { runDir: join(home.dir, 'run'), podUid: '' },
    { name: 'echo', run: 'external', target },
  );
  return release === 'this' ? own : earlier!;
}

function startWorker(target: 'agent' | 'host' = 'agent', release: Release = 'this'): ChildProcess {
  const at = (...parts: string[]): string => join(home.dir, ...parts);
  const args = ['--panel', 'echo', '--socket', socketOf(target, release), '--state-dir', at('state')];
  const rest = ['--node', 'node-a', '--target', target, '--grace-period', '5', '--lock-wait', '60'];
  const child = spawn(process.execPath, [builtPrograms.worker, ...args, ...rest], { stdio: 'ignore' });
  workers.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<number | null> {
  const gone = once(child, 'exit') as Promise<[number | null]>;
  child.kill('SIGTERM');
  return (await gone)[0];
}

async function state(): Promise<{ state: State; pid: number } | undefined> {
  const clients = connectAgent(home.address);
  try {
    const { status } = await call<StatusRequest, StatusResponse>((...rest) => clients.gate.status(...rest), {});
    const [worker] = status?.workers ?? [];
    return worker === undefined ? undefined : { state: worker.state, pid: worker.pid };
  } catch {
    return undefined;
  } finally {
    clients.close();
  }
}

const untilServing = (worker: ChildProcess): Promise<void> =>
  waitFor('the agent has the worker', async () => {
    const now = await state();
    return now?.state === State.SERVING && now.pid === worker.pid;
  });

async function attach(): Promise<EchoLoad> {
  client = createPaneletClient({ address: home.address, tls: 'plaintext' });
  const session = await client.open({ panel: 'echo' });
  const load = startEchoLoad({ session, seed: 3, clock, longestPauseMs: 20, largestWriteBytes: 2_048 });
  await flows(load);
  return load;
}

async function flows(load: EchoLoad): Promise<void> {
  const before = load.receivedBytes();
  await waitFor('bytes come back', () => load.receivedBytes() > before + 4_096, 20_000);
}

async function expectFlawless(load: EchoLoad): Promise<void> {
  const verdict = await load.finish(20_000);
  expect([isFlawless(verdict), verdict.errors]).toEqual([true, []]);
}

async function ready(): Promise<string> {
  return (await fetch(`http://${home.host}:7080/readyz`)).text();
}

describe('workers beside the agent', () => {
  test('may come after it: it waits for their sockets, is not ready meanwhile, and holds attachments', async () => {
    await home.start();
    expect(await ready()).toContain('The panel "echo" has not answered yet');
    const attaching = attach();
    const worker = startWorker();
    await untilServing(worker);
    await expectFlawless(await attaching);
    expect(await ready()).toBe('ok\n');
  });

  test('are drained when the pod ends, then end themselves, and the next pod goes on', async () => {
    const worker = startWorker();
    const agent = await home.start();
    await untilServing(worker);
    const load = await attach();
    // As the kubelet does: the agent first, its sidecars when it has gone.
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(worker.exitCode).toBeNull();
    expect(await end(worker)).toBe(0);
    expect(existsSync(socketOf('agent', 'this'))).toBe(false);
    const next = startWorker();
    await home.start();
    await untilServing(next);
    await flows(load);
    await expectFlawless(load);
  });

  test('stay when the agent alone is killed, and the next agent goes on with them', async () => {
    const worker = startWorker();
    const agent = await home.start();
    await untilServing(worker);
    const load = await attach();
    agent.child.kill('SIGKILL');
    await agent.exited;
    await home.start();
    await untilServing(worker);
    await flows(load);
    await expectFlawless(load);
  });

  test('serve again at once when the agent alone was told to end: it drained them, the next one opens them', async () => {
    const worker = startWorker();
    const agent = await home.start();
    await untilServing(worker);
    const load = await attach();
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    await home.start();
    await untilServing(worker);
    await flows(load);
    await expectFlawless(load);
  });

  test('may restart alone: the agent finds the new one at the same socket', async () => {
    const worker = startWorker();
    await home.start();
    await untilServing(worker);
    const load = await attach();
    expect(await end(worker)).toBe(0);
    await waitFor('the agent knows that it is gone', async () => (await state())?.state === State.UNSPECIFIED);
    expect(await ready()).toBe('ok\n');
    const next = startWorker();
    await untilServing(next);
    await flows(load);
    await expectFlawless(load);
  });

  test('of the host are left alone when the agent ends', async () => {
    home.configure({ panels: [{ name: 'echo', run: 'external', target: 'host' }] });
    const worker = startWorker('host');
    const agent: AgentProcess = await home.start();
    await untilServing(worker);
    const load = await attach();
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    await home.start();
    await untilServing(worker);
    await flows(load);
    await expectFlawless(load);
  });
});

describe('a host of the release before, whose socket is in a directory that all hosts share', () => {
  beforeEach(() => home.configure({ panels: [{ name: 'echo', run: 'external', target: 'host' }] }));

  test('is found by an agent of this one, and its sessions go on', async () => {
    const worker = startWorker('host', 'before');
    await home.start();
    await untilServing(worker);
    await expectFlawless(await attach());
  });

  test('is followed by a host of this release, that waits for it, in a directory of its own', async () => {
    const before = startWorker('host', 'before');
    await home.start();
    await untilServing(before);
    const load = await attach();
    const next = startWorker('host');
    await flows(load);
    expect(await end(before)).toBe(0);
    await untilServing(next);
    await flows(load);
    await expectFlawless(load);
  });
});

test('an agent without its worker ends with nothing to force', async () => {
  const agent = await home.start();
  agent.child.kill('SIGTERM');
  expect(await agent.exited).toBe(0);
});
