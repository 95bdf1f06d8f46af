import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createGateClient, type GateClient } from '#client/calls/gate-client.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { ReloadStep, type ReloadResponse } from '#proto/agent/v1/agent.js';
import { State, type WorkerStatus } from '#proto/gate/v1/gate.js';
import {
  builtPrograms,
  connectAgent,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { cordon, uncordon } from '#test/support/gate-calls.js';
import { HeardSession } from '#test/support/heard-session.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(180_000);

describe('workers that are replaced while their agent runs', () => {
  let home: AgentHome;
  let agent: AgentProcess;
  let client: PaneletClient;
  let gate: GateClient;
  let program: string;

  const working = (): void =>
    writeFileSync(program, `await import(${JSON.stringify(builtPrograms.worker)});\n// ${Math.random()}\n`);
  const broken = (): void => writeFileSync(program, `console.error('It is broken.'); process.exit(7);\n`);
  // Uids of its own: with an owner's last session, all processes of a uid end on the whole machine.
  const uids = JSON.stringify({ first: 111_000, count: 10 });
  const terminal = { name: 'terminal', parameters: process.getuid?.() === 0 ? { uids } : { allowSameUser: 'true' } };
  let stateDir: string;
  const start = async (panels: readonly object[], more: object = {}): Promise<void> => {
    home = createAgentHome(builtPrograms, { panels, stateDir, workerCommand: [process.execPath, program], ...more });
    agent = await home.start();
    client = createPaneletClient({ address: home.address });
    gate = createGateClient({ address: home.address });
  };
  const reload = async (...panels: string[]): Promise<readonly ReloadResponse[]> => {
    const steps: ReloadResponse[] = [];
    const request = { workers: true, panels, changedOnly: false, reason: '' };
    for await (const step of gate.reload(request)) steps.push(step);
    return steps;
  };
  const open = async (panel: string, parameters: Record<string, string> = {}): Promise<HeardSession> =>
    new HeardSession(await client.open({ panel, parameters }));
  const workers = async (): Promise<readonly WorkerStatus[]> => (await gate.status()).workers;
  const namesOf = (steps: readonly ReloadResponse[], panel: string): readonly string[] =>
    steps.filter((step) => step.panel === panel).map(({ step }) => ReloadStep[step]);

  beforeEach(() => {
    // Directly in /tmp: owners must be able to pass, and those of the tests are closed.
    stateDir = mkdtempSync('/tmp/pr-');
    program = join(stateDir, 'worker.mjs');
    working();
  });
  afterEach(async () => {
    await client.close();
    gate.close();
    home.remove();
    rmSync(stateDir, { recursive: true, force: true });
  });

  test('lose nothing over two in a row: what can move has moved, and a shell is the same process', async () => {
    const file = join(stateDir, 'app.log');
    writeFileSync(file, 'line 0\n');
    await start([{ name: 'echo' }, { name: 'logs', parameters: { roots: stateDir } }, terminal]);
    const echo = await open('echo');
    const logs = await open('logs', { path: file, follow: 'true' });
    const shells: { shell: HeardSession; pid: string | undefined }[] = [];
    await logs.until('line 0');
    let sent = '';
    for (const round of [1, 2]) {
      const fresh = await open('terminal', { command: '/bin/sh' });
      await fresh.session.write('echo pid:$$.\n');
      await fresh.until(/pid:\d+\./);
      shells.push({ shell: fresh, pid: /pid:(\d+)\./.exec(fresh.text)?.[1] });
      sent += `before ${round};`;
      await echo.session.write(`before ${round};`);
      const steps = await reload();
      expect(namesOf(steps, 'echo')).toEqual(['STARTED', 'SERVES', 'RETIRED']);
      expect(steps.find(({ panel, step }) => panel === 'echo' && step === ReloadStep.RETIRED)?.counts?.moved).toBe(1);
      expect(namesOf(steps, 'logs')).toEqual(['STARTED', 'SERVES', 'RETIRED']);
      expect(namesOf(steps, 'terminal')).toEqual(['STARTED', 'SERVES', 'RETIRING']);
      appendFileSync(file, `line ${round}\n`);
      await logs.until(`line ${round}`);
      sent += `after ${round};`;
      await echo.session.write(`after ${round};`);
      await echo.until(`after ${round};`);
      for (const { shell, pid } of shells) {
        await shell.session.write(`echo still-${round}:$$.\n`);
        await shell.until(new RegExp(`still-${round}:${pid}\\.`));
      }
    }
    expect(echo.text).toBe(sent);
    expect(logs.text.match(/line \d/g)).toEqual(['line 0', 'line 1', 'line 2']);
    expect([echo.losses, logs.losses]).toEqual([0, 0]);
    expect(shells.map(({ shell }) => [shell.losses, shell.incarnation])).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(echo.incarnation).toBe(3);
    const left = (await workers()).filter(({ panel }) => panel === 'terminal');
    expect(left.map(({ retiring, sessions }) => [retiring, sessions])).toEqual([
      [true, 1],
      [true, 1],
      [false, 0],
    ]);
    // The end of one ends no process of its owner that another worker has.
    for (const { shell, pid } of shells.toReversed()) {
      await shell.session.write('echo to-the-end:$$.\n');
      await shell.until(new RegExp(`to-the-end:${pid}\\.`));
      const before = (await workers()).length;
      await shell.session.write('exit\n');
      await waitFor('its worker has ended', async () => (await workers()).length === before - 1);
    }
  });

  test('go on as they are where the new one crashes at its start, and nothing was drained', async () => {
    await start([{ name: 'echo' }]);
    const echo = await open('echo');
    const [before] = await workers();
    broken();
    const steps = await reload('echo');
    expect(namesOf(steps, 'echo')).toEqual(['STARTED', 'FAILED']);
    expect(steps.at(-1)?.message).toMatch(/code 7.*nothing was drained/);
    await echo.session.write('as before');
    await echo.until('as before');
    expect(echo.incarnation).toBe(1);
    expect(await workers()).toMatchObject([{ pid: before!.pid, retiring: false }]);
    working();
    expect(namesOf(await reload('echo'), 'echo').at(-1)).toBe('RETIRED');
  });

  test('take the place of one that crashes at its start: nothing was drained, and nothing has failed', async () => {
    await start([{ name: 'echo', command: ['/nowhere/worker'], beside: true }]);
    const fails = async (): Promise<boolean> => (await workers()).some(({ message }) => message.includes('ENOENT'));
    await waitFor('it cannot be started', fails);
    home.configure({ panels: [{ name: 'echo' }], stateDir, workerCommand: [process.execPath, program] });
    agent.child.kill('SIGHUP');
    await waitFor('reloaded', () => agent.log().includes('Reloaded'));
    const steps = await reload('echo');
    expect(namesOf(steps, 'echo')).toEqual(['STARTED', 'SERVES', 'RETIRED']);
    expect(steps.at(-1)).toMatchObject({ counts: undefined, message: expect.stringContaining('was not up') });
    const echo = await open('echo');
    await echo.session.write('as ever');
    await echo.until('as ever');
  });

  test('are retired by the next agent where theirs is killed in between', async () => {
    await start([terminal, { name: 'echo' }]);
    const shell = await open('terminal', { command: '/bin/sh' });
    await shell.session.write('echo pid:$$.\n');
    await shell.until(/pid:\d+\./);
    const pid = /pid:(\d+)\./.exec(shell.text)?.[1];
    const echo = await open('echo');
    await reload('terminal');
    // In the middle of the second: its new worker serves, the old one drains.
    const dying = gate.reload({ workers: true, panels: ['echo'], changedOnly: false, reason: '' });
    for await (const { step } of dying) if (step === ReloadStep.SERVES) break;
    agent.child.kill('SIGKILL');
    await agent.exited;
    agent = await home.start();
    await echo.session.write('over it');
    await echo.until('over it');
    expect(echo.losses).toBe(0);
    await waitFor('the old one of echo has ended', async () => (await workers()).length === 3);
    await shell.session.write('echo still:$$.\n');
    await shell.until(new RegExp(`still:${pid}\\.`));
    await shell.session.write('exit\n');
    await waitFor('nothing retires any more', async () => (await workers()).every(({ retiring }) => !retiring));
  });

  test('bring back what an old one leaves that is killed while it retires', async () => {
    await start([terminal]);
    const shell = await open('terminal', { command: '/bin/sh' });
    await shell.session.write('echo pid:$$.\n');
    await shell.until(/pid:\d+\./);
    const [old] = await workers();
    await reload('terminal');
    const young = await open('terminal', { command: '/bin/sh' });
    process.kill(old!.pid, 'SIGKILL');
    await waitFor('one is left', async () => (await workers()).length === 1);
    await young.session.write('echo young-$((1 + 1)).\n');
    await young.until('young-2.');
    expect(young.losses).toBe(0);
  });

  test('are replaced one reload at a time, and refused while a restart of the node is under way', async () => {
    await start([{ name: 'echo' }, { name: 'logs' }]);
    const first = reload();
    await waitFor('it is under way', async () => (await workers()).length > 2);
    await expect(reload()).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
    await first;
    await expect(reload('nothing')).rejects.toMatchObject({ code: 'PANEL_UNKNOWN' });
    const before = (await workers()).map(({ pid }) => pid);
    const leader = connectAgent(home.address);
    await cordon(leader.gate);
    await expect(reload('echo')).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
    expect(namesOf(await reload(), 'echo')).toEqual(['FAILED']);
    expect((await workers()).map(({ pid }) => pid)).toEqual(before);
    await uncordon(leader.gate);
    leader.close();
    expect(namesOf(await reload('echo'), 'echo')).toEqual(['STARTED', 'SERVES', 'RETIRED']);
  });

  test('follow SIGHUP only where the configuration says so, and only where their program has changed', async () => {
    await start([{ name: 'echo' }], { upgradeWorkers: true });
    await waitFor('it serves', async () => (await workers()).every(({ state }) => state === State.SERVING));
    const [before] = await workers();
    agent.child.kill('SIGHUP');
    await waitFor('reloaded', () => agent.log().includes('Reloaded'));
    expect(await workers()).toMatchObject([{ pid: before!.pid }]);
    working();
    agent.child.kill('SIGHUP');
    await waitFor('another one', async () => {
      const now = await workers();
      return now.length === 1 && now[0]?.pid !== before!.pid && now[0]?.pid !== 0;
    });
  });
});
