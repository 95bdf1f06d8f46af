import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createGateClient } from '#client/calls/gate-client.js';
import { createPaneletClient, type PaneletClient, type PaneletClientOptions } from '#client/sdk.js';
import { builtPrograms, createAgentHome, type AgentHome } from '#test/support/agent/running-agent.js';
import { startFullListener, startSilentServer, type BlackHole } from '#test/support/black-holes.js';
import { cliEnvironment, runCliProcess } from '#test/support/cli-user.js';
import { echoed } from '#test/support/echoed.js';

jest.setTimeout(120_000);

// None of them is waited for: whoever did would need more than a test has.
const times = { connectTimeoutMs: 600_000, dialTimeoutMs: 600_000, attachTimeoutMs: 600_000 };

describe('addresses that give no answer', () => {
  let home: AgentHome;
  let holes: BlackHole[];
  const clients: PaneletClient[] = [];
  const clientOf = (options: PaneletClientOptions): PaneletClient => {
    const client = createPaneletClient({ times, ...options });
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    home = createAgentHome(builtPrograms, {
      workerCommand: [process.execPath, builtPrograms.worker],
      panels: [{ name: 'echo', target: 'host' }],
    });
    await home.start();
    // That take no connection, and that take it and say nothing.
    holes = await Promise.all([startFullListener(), startSilentServer()]);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await Promise.all(holes.map((hole) => hole.close()));
    home.remove();
  });

  test('hold nothing up that has another address: sessions, calls, and whoever comes back', async () => {
    const addresses = { full: holes[0]!.address, silent: holes[1]!.address, 'node-a': home.address };
    const client = clientOf({ addresses });
    const session = await client.open({ panel: 'echo' });
    expect(await echoed(session, 'one')).toBe('one');
    expect((await client.listPanels()).node).toBe('node-a');
    // Not even its node is known.
    const state = { ...session.resumeState(), node: '' };
    await session.detach();
    const again = await clientOf({ addresses }).resume(state);
    expect(await echoed(again, 'two')).toBe('two');
    await again.terminate();
  });

  test('hold up no session that is attached already, when its agent moves', async () => {
    let all: readonly string[] = [home.address];
    const client = clientOf({ resolve: () => all });
    const session = await client.open({ panel: 'echo' });
    expect(await echoed(session, 'one')).toBe('one');
    all = [...holes.map(({ address }) => address), home.address];
    home.children()[0]?.kill('SIGKILL');
    await home.start();
    expect(await echoed(session, 'two')).toBe('two');
    expect(holes[1]?.taken()).toBeGreaterThan(0);
    await session.terminate();
  });

  test('hold up no gate', async () => {
    const attempts: number[] = [];
    const gate = createGateClient({
      resolve: ({ attempt }) => {
        attempts.push(attempt);
        return [holes[0]!.address, holes[1]!.address, home.address][attempt] ?? home.address;
      },
    });
    expect((await gate.status()).node).toBe('node-a');
    expect(attempts.slice(0, 3)).toEqual([0, 1, 2]);
    gate.close();
  });

  test('are said as such, whether TLS is spoken or not', async () => {
    for (const tls of ['plaintext', { serverName: 'panelet-agent' }] as const) {
      for (const { address } of holes) {
        const client = clientOf({ address, tls, times: { connectTimeoutMs: 300 } });
        await expect(client.listPanels()).rejects.toMatchObject({
          code: 'AGENT_UNREACHABLE',
          message: expect.stringContaining(`${address} did not take a connection within 300 ms.`) as unknown,
        });
      }
    }
  });

  test('are said by every command', async () => {
    const commands = ['ls', 'sessions', 'gate', 'attach', 'exec -- true'];
    const runs = commands.map(async (command, index) => {
      const { address } = holes[index % holes.length]!;
      const env = { ...cliEnvironment(home.dir), PANELET_ADDRESS: address };
      const { code, stderr } = await runCliProcess(command.split(' '), { env, killAfterMs: 100_000 });
      return { command, code, isSaid: stderr.includes(`${address} did not take a connection within 5000 ms. Nothing`) };
    });
    for (const run of await Promise.all(runs)) expect(run).toMatchObject({ code: 5, isSaid: true });
  });
});
