import { rmSync, existsSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createProcessTable, isAlive } from '#agent/workers/process-table.js';
import type { StatusRequest, StatusResponse } from '#proto/gate/v1/gate.js';
import type { ListPanelsRequest, ListPanelsResponse, Panel } from '#proto/session/v1/session.js';
import { createRawClient, helloBytes, statusOfCall } from '#test/support/agent/raw-session.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  untilText,
  type AgentHome,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';

const homes: AgentHome[] = [];
const table = createProcessTable();

afterEach(() => {
  for (const home of homes.splice(0)) home.remove();
});

function home(...panels: Record<string, unknown>[]): AgentHome {
  const created = createAgentHome(builtPrograms, { panels });
  homes.push(created);
  return created;
}

async function panelsOf(at: AgentHome): Promise<Panel[]> {
  const clients = connectAgent(at.address);
  try {
    const response = await call<ListPanelsRequest, ListPanelsResponse>(
      (...rest) => clients.session.listPanels(...rest),
      {},
    );
    return response.panels;
  } finally {
    clients.close();
  }
}

async function untilServing(at: AgentHome, panel: string): Promise<void> {
  await waitFor('serving', async () => (await panelsOf(at)).some((entry) => entry.name === panel && entry.serving));
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

describe('the supervisor', () => {
  test('starts a worker in its own process group, and ends it with the agent, leaving nothing', async () => {
    const at = home({ name: 'echo' });
    const agent = await at.start();
    await untilServing(at, 'echo');
    const [worker] = at.workers('echo');
    expect(worker).toEqual(expect.objectContaining(at.record('echo') ? { pid: at.record('echo')!.pid } : {}));
    expect(worker!.pid).not.toBe(agent.child.pid);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(at.workers('echo')).toEqual([]);
    expect(readdirSync(join(at.dir, 'run', 'workers'))).toEqual([]);
    expect(readdirSync(join(at.dir, 'run')).sort()).toEqual(['agent-lock', 'agents', 'workers']);
  });

  test('starts a worker again that was killed', async () => {
    const at = home({ name: 'echo' });
    await at.start();
    await untilServing(at, 'echo');
    const [first] = at.workers('echo');
    process.kill(first!.pid, 'SIGKILL');
    await waitFor('another worker', () => at.workers('echo').some(({ pid }) => pid !== first!.pid));
    await untilServing(at, 'echo');
    expect(at.workers('echo')).toHaveLength(1);
  });

  test('leaves workers alone when the agent is killed, and the next agent adopts them', async () => {
    const at = home({ name: 'echo' }, { name: 'shell', target: 'host' });
    const first = await at.start();
    await untilServing(at, 'echo');
    await untilServing(at, 'shell');
    const before = [...at.workers('echo'), ...at.workers('shell')];
    first.child.kill('SIGKILL');
    await first.exited;
    expect(before.every((worker) => isAlive(table, worker))).toBe(true);
    const second = await at.start();
    // Adopted before anyone was let in.
    expect((await panelsOf(at)).map(({ serving }) => serving)).toEqual([true, true]);
    expect([...at.workers('echo'), ...at.workers('shell')]).toEqual(before);
    second.child.kill('SIGTERM');
    expect(await second.exited).toBe(0);
    expect(at.workers('echo')).toEqual([]);
    expect(at.workers('shell')).toEqual([before[1]]);
  });

  test('ends what claims a socket and cannot be used, and starts a worker that can', async () => {
    const at = home({ name: 'echo', parameters: { behaviour: 'wrong-panel' } });
    const first = await at.start();
    await waitFor('a worker', () => at.workers('echo').length > 0);
    await waitFor('its socket', () => existsSync(join(at.dir, 'run', 'workers', 'echo.sock')));
    const [wrong] = at.workers('echo');
    first.child.kill('SIGKILL');
    await first.exited;
    at.configure({ panels: [{ name: 'echo' }] });
    await at.start();
    await untilServing(at, 'echo');
    expect(isAlive(table, wrong!)).toBe(false);
    expect(at.workers('echo')).toHaveLength(1);
  });

  test('ends a worker that ignores SIGTERM and does not answer', async () => {
    const at = home({ name: 'echo', parameters: { behaviour: 'silent' } });
    const first = await at.start();
    await waitFor('its socket', () => existsSync(join(at.dir, 'run', 'workers', 'echo.sock')));
    const [silent] = at.workers('echo');
    first.child.kill('SIGKILL');
    await first.exited;
    at.configure({ panels: [{ name: 'echo' }] });
    const second = await at.start();
    await untilServing(at, 'echo');
    expect(isAlive(table, silent!)).toBe(false);
    expect(second.log()).toContain('cannot be used as worker');
  }, 30_000);

  test('names a crash loop and a command that cannot start, and serves everything else', async () => {
    const at = home(
      { name: 'echo' },
      { name: 'looping', parameters: { behaviour: 'crash' } },
      { name: 'missing', command: ['/nonexistent/panel'] },
    );
    await at.start();
    await untilServing(at, 'echo');
    await waitFor('both are named', async () => {
      const messages = new Map((await panelsOf(at)).map(({ name, message }) => [name, message]));
      return (
        /crash loop.*code 7|code 7.*crash loop/.test(messages.get('looping') ?? '') &&
        (messages.get('missing') ?? '').includes('ENOENT')
      );
    });
  }, 30_000);

  test('holds an attachment until the worker is up', async () => {
    const at = home({ name: 'echo', parameters: { delayMs: 700 } });
    await at.start();
    const client = createRawClient(at.address);
    const stream = client.open();
    const answer = new Promise((resolve) => stream.once('data', resolve));
    const hello = helloBytes('echo');
    stream.write(hello);
    expect(await answer).toEqual(hello);
    stream.cancel();
    await statusOfCall(stream);
    client.close();
  });

  test('keeps no file and no socket open for attachments that are over', async () => {
    const at = home({ name: 'echo' });
    const agent = await at.start();
    await untilServing(at, 'echo');
    const pid = agent.child.pid!;
    const attachAndLeave = async (): Promise<void> => {
      const client = createRawClient(at.address);
      const stream = client.open();
      const answer = new Promise((resolve) => stream.once('data', resolve));
      stream.write(helloBytes('echo'));
      await answer;
      stream.cancel();
      await statusOfCall(stream);
      client.close();
    };
    await attachAndLeave();
    await waitFor('settled', () => openFiles(pid).length > 0);
    const before = openFiles(pid).length;
    for (let round = 0; round < 20; round++) await attachAndLeave();
    await waitFor('no more files than before', () => openFiles(pid).length <= before);
  });
});

describe('installing a panel', () => {
  test('starts a panel that appears in the directory, and ends one that is removed at SIGHUP', async () => {
    const at = home({ name: 'echo' });
    const agent = await at.start();
    await untilServing(at, 'echo');
    const [echo] = at.workers('echo');
    writeFileSync(join(at.dir, 'panels.d', 'more.yaml'), 'name: more\n');
    await untilServing(at, 'more');
    at.configure({ panels: [] });
    agent.child.kill('SIGHUP');
    await waitFor('the removed worker is gone', () => at.workers('echo').length === 0);
    expect(isAlive(table, echo!)).toBe(false);
    await waitFor('only the new panel is left', async () => (await panelsOf(at)).length === 1);
    expect((await panelsOf(at)).map(({ name }) => name)).toEqual(['more']);
  });

  test('says that a restart is required when a running panel’s parameters change', async () => {
    const at = home({ name: 'echo' });
    const agent = await at.start();
    await untilServing(at, 'echo');
    at.configure({ panels: [{ name: 'echo', parameters: { sessions: 3 } }] });
    agent.child.kill('SIGHUP');
    await untilText(agent, 'Reloaded');
    const clients = connectAgent(at.address);
    const { status } = await call<StatusRequest, StatusResponse>((...rest) => clients.gate.status(...rest), {});
    clients.close();
    expect(status?.restartRequired).toBe(true);
  });

  test('keeps what is in force when the new configuration is wrong', async () => {
    const at = home({ name: 'echo' });
    const agent = await at.start();
    await untilServing(at, 'echo');
    writeFileSync(at.configFile, 'node: [');
    agent.child.kill('SIGHUP');
    await untilText(agent, 'Reload failed');
    await untilServing(at, 'echo');
  });

  test.each([
    ['unreadable', '{'],
    ['wrong', 'name: Bad Name\n'],
    ['of a name that is taken', 'name: echo\n'],
    ['with an unknown key', 'name: more\nnonsense: 1\n'],
    ['empty', ''],
  ])('a file that is %s costs its own panel alone, at the start too, until it is right', async (_what, content) => {
    const at = home({ name: 'echo' });
    const file = join(at.dir, 'panels.d', 'a.yaml');
    writeFileSync(file, content);
    writeFileSync(join(at.dir, 'panels.d', 'b.yaml'), 'name: other\n');
    const agent = await at.start();
    await untilServing(at, 'echo');
    await untilServing(at, 'other');
    expect(agent.log()).toContain(file);
    expect(agent.log()).toContain('This panel is left out until the file is right.');
    writeFileSync(file, 'name: more\n');
    await untilServing(at, 'more');
  });

  test('a panel whose file becomes wrong runs on, and ends when the file is removed', async () => {
    const at = home({ name: 'echo' });
    const file = join(at.dir, 'panels.d', 'more.yaml');
    writeFileSync(file, 'name: more\n');
    const agent = await at.start();
    await untilServing(at, 'more');
    const [worker] = at.workers('more');
    writeFileSync(file, 'name: more\nnonsense: 1\n');
    await untilText(agent, 'This panel is left out');
    await untilText(agent, 'Reloaded');
    expect(isAlive(table, worker!)).toBe(true);
    await untilServing(at, 'more');
    rmSync(file);
    await waitFor('the removed worker is gone', () => at.workers('more').length === 0);
  });
});

describe('starting', () => {
  test('says that the port is taken, starts nothing, and exits with 2', async () => {
    const at = home({ name: 'echo' });
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(at.port, at.host, resolve));
    const agent = await at.start();
    expect(await agent.exited).toBe(2);
    expect(agent.log()).toContain('PORT_TAKEN');
    expect(at.workers('echo')).toEqual([]);
    await new Promise((resolve) => other.close(resolve));
  });

  test('refuses a second agent on the same directory', async () => {
    const at = home({ name: 'echo' });
    await at.start();
    const second = await at.start();
    expect(await second.exited).toBe(2);
    expect(second.log()).toContain('ALREADY_RUNNING');
  });

  test('names the key that is wrong', async () => {
    const at = home();
    at.configure({ panels: [{ name: 'echo', target: 'moon' }] });
    const agent = await at.start();
    expect(await agent.exited).toBe(2);
    expect(agent.log()).toContain('panels[0].target');
  });
});
