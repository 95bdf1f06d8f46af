import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createWorkerConnection } from '#agent/workers/worker-connection.js';
import { createWorkerSocket } from '#agent/workers/worker-socket.js';
import { createBackoff } from '#common/time/backoff.js';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import type { ListPanelsRequest, ListPanelsResponse } from '#proto/session/v1/session.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  untilText,
  type AgentHome,
} from '#test/support/agent/running-agent.js';
import { WatchRequest } from '#proto/worker/v1/worker.js';
import { waitFor } from '#test/support/wait-for.js';

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function home(panels: readonly object[]): AgentHome {
  const created = createAgentHome(builtPrograms, { panels });
  cleanups.push(() => created.remove());
  return created;
}

async function untilServing(at: AgentHome, names: readonly string[], timeoutMs = 20_000): Promise<void> {
  const clients = connectAgent(at.address);
  const all = async (): Promise<boolean> => {
    const { panels } = await call<ListPanelsRequest, ListPanelsResponse>(
      (...rest) => clients.session.listPanels(...rest),
      {},
    );
    const serving = panels.filter((panel) => panel.serving).map(({ name }) => name);
    return names.every((name) => serving.includes(name));
  };
  try {
    await waitFor(`${names.join(', ')} serve`, all, timeoutMs);
  } finally {
    clients.close();
  }
}

const calls = [
  ...['describe', 'watch', 'cordon', 'uncordon', 'drain', 'getReceipt'],
  ...['handoff', 'shutdown', 'listSessions', 'endSession'],
];
const silentPanels = calls.map((never) => ({ name: `no-${never.toLowerCase()}`, parameters: { never } }));

/** An agent with a worker for each call that is taken and never answered. */
async function startSilent(...more: readonly object[]) {
  const at = home([...silentPanels, ...more]);
  const agent = await at.start();
  const names = silentPanels.map(({ name }) => name);
  await untilServing(at, names);
  for (const name of names) process.kill(at.workers(name)[0]!.pid, 'SIGUSR2');
  // A signal is heard when its turn comes: a call that is sent now might still be answered.
  const isSilent = (name: string): boolean => existsSync(join(at.dir, 'run', 'workers', `${name}.sock.silent`));
  await waitFor('they are silent', () => names.every(isSilent));
  return { at, agent };
}

describe('workers that take a call and never answer it', () => {
  test('hold up no reload when their panels are removed, and come back once they have gone', async () => {
    const { at, agent } = await startSilent({ name: 'echo' });
    const [before] = at.workers('no-drain');
    at.configure({ panels: [{ name: 'echo' }] });
    for (const name of ['one', 'two']) {
      writeFileSync(join(at.dir, 'panels.d', `${name}.yaml`), `name: ${name}\n`);
      agent.child.kill('SIGHUP');
      await untilServing(at, ['echo', name]);
    }
    // Its drain takes half a minute.
    expect(at.workers('no-drain')).toEqual([before]);
    at.configure({ panels: [{ name: 'echo' }, { name: 'no-drain' }] });
    agent.child.kill('SIGHUP');
    await untilText(agent, 'Panel comes back once its worker has gone');
    await untilServing(at, ['echo', 'one', 'two']);
    await waitFor('it has gone', () => at.workers('no-drain').every(({ pid }) => pid !== before!.pid), 60_000);
    await untilServing(at, ['no-drain']);
    expect(at.workers('no-drain')).toHaveLength(1);
  }, 120_000);

  test('leave no process behind when the agent ends', async () => {
    const { at, agent } = await startSilent();
    agent.child.kill('SIGTERM');
    await agent.exited;
    expect(agent.log()).toContain('Agent stopped');
    for (const { name } of silentPanels) expect([name, at.workers(name)]).toEqual([name, []]);
  }, 60_000);
});

test('a worker that is stopped becomes unknown after 15 s at most, and is up again when it goes on', async () => {
  const at = home([{ name: 'echo' }]);
  const agent = await at.start();
  await untilServing(at, ['echo']);
  const { pid } = at.workers('echo')[0]!;
  agent.child.kill('SIGKILL');
  await agent.exited;
  const clock = createFakeClock();
  const link = createWorkerConnection({
    ...{
      panel: 'echo',
      socket: createWorkerSocket(() => [join(at.dir, 'run', 'workers', 'echo.sock')]),
      self: WatchRequest.fromPartial({}),
    },
    ...{ clock, log: createSilentLog(), onChange: () => undefined },
    backoff: createBackoff(createSeededRandom(1), { initialMs: 20, maxMs: 1_000 }),
    prepare: (_clients, status) => Promise.resolve(status),
  });
  cleanups.push(() => link.close());
  await waitFor('up', () => link.state().kind === 'up');
  process.kill(pid, 'SIGSTOP');
  cleanups.push(() => process.kill(pid, 'SIGCONT'));
  clock.advance(10_000);
  // The question is on its way once its own limit is what comes next.
  await new Promise((resolve) => setImmediate(resolve));
  expect(link.state().kind).toBe('up');
  clock.advance(5_000);
  await waitFor('unknown', () => link.state().kind === 'unknown');
  process.kill(pid, 'SIGCONT');
  await waitFor('up again', () => {
    clock.advance(50);
    return link.state().kind === 'up';
  });
}, 30_000);
