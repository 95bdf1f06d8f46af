import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { durationToMs } from '#common/time/duration.js';
import { State, type GateStatus } from '#proto/gate/v1/gate.js';
import { DrainPhase } from '#proto/session/v1/session.js';
import {
  builtPrograms,
  connectAgent,
  createAgentHome,
  type AgentClients,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';
import { command, receiptOfDrain, startDrain, statusOfGate, uncordon } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';

const noticeMs = 20_000;

let home: AgentHome;
let agent: AgentProcess;
let clients: AgentClients;
let echo: LinkClient;
let logs: LinkClient;
let logFile: string;

const states = ({ workers }: GateStatus): (State | undefined)[] =>
  ['echo', 'logs'].map((panel) => workers.find((worker) => worker.panel === panel)?.state);
const untilStates = (...wanted: State[]): Promise<void> =>
  waitFor(
    `echo and logs are ${wanted.map((state) => State[state]).join(' and ')}`,
    async () => String(states(await statusOfGate(clients.gate))) === String(wanted),
  );
// Its output does not fit into what the client takes, so that its input waits.
const keepEchoBusy = (): void => {
  echo.reads = false;
  echo.write(Buffer.alloc(8 * 1024 * 1024));
};
const letEchoFinish = (): void => {
  echo.reads = true;
  echo.read();
  echo.pump();
};
const logIsTold = async (line: string): Promise<void> => {
  const before = logs.receivedBytes;
  appendFileSync(logFile, `${line}\n`);
  await waitFor('the log goes on', () => logs.receivedBytes > before);
};

describe('the notices of the workers of a node', () => {
  beforeEach(async () => {
    home = createAgentHome(builtPrograms);
    const roots = join(home.dir, 'files');
    logFile = join(roots, 'app.log');
    mkdirSync(roots);
    writeFileSync(logFile, 'first\n');
    home.configure({
      workerCommand: [process.execPath, builtPrograms.worker],
      panels: [{ name: 'echo' }, { name: 'logs', parameters: { roots } }],
    });
    agent = await home.start();
    clients = connectAgent(home.address);
    await untilStates(State.SERVING, State.SERVING);
    const socket = (panel: string): string => join(home.dir, 'run', 'workers', `${panel}.sock`);
    echo = new LinkClient({ socket: socket('echo') });
    logs = new LinkClient({ socket: socket('logs'), panel: 'logs', parameters: { path: logFile } });
    await Promise.all([echo.attach(), logs.attach()]);
    await waitFor('the log is shown', () => logs.receivedBytes > 0);
  });
  afterEach(async () => {
    await Promise.all([echo.close(), logs.close()]);
    clients.close();
    home.remove();
  });

  test('last while one worker is busy: the idle one works on, and both are frozen when both are idle', async () => {
    keepEchoBusy();
    const drain = startDrain(clients.gate, { noticeMs, timeoutMs: 60_000 });
    await untilStates(State.NOTIFIED, State.NOTIFIED);
    await logIsTold('second');
    await logIsTold('third');
    expect(logs.drains()).toEqual([DrainPhase.NOTICE]);
    expect((await statusOfGate(clients.gate)).noticeMayEnd).toBe(false);
    letEchoFinish();
    const receipt = await receiptOfDrain(drain);
    expect(durationToMs(receipt.took, Infinity)).toBeLessThan(noticeMs);
    expect(receipt.counts).toMatchObject({ checkpointed: 2, forced: 0 });
    for (const client of [echo, logs]) {
      await client.over();
      expect(client.drains()).toEqual([DrainPhase.NOTICE, DrainPhase.FREEZE, DrainPhase.READY]);
    }
  }, 30_000);

  test('end for a worker that holds first: the other one works on for as long as it does, past its notice', async () => {
    echo.event('hold', { ms: 600_000 });
    echo.event('digest');
    await waitFor('the hold is taken', () => echo.panelEvents('digest').length > 0);
    const drain = startDrain(clients.gate, { noticeMs: 200, timeoutMs: 600_000 });
    await untilStates(State.FROZEN, State.NOTIFIED);
    for (const line of ['second', 'third', 'fourth']) await logIsTold(line);
    expect(states(await statusOfGate(clients.gate))).toEqual([State.FROZEN, State.NOTIFIED]);
    const { state, holders } = await statusOfGate(clients.gate);
    expect(state).toBe(State.FROZEN);
    // The log may be read just then.
    expect(holders.filter(({ panel }) => panel === 'echo')).toMatchObject([{ operation: 'echo.hold' }]);
    expect(logs.drains()).toEqual([DrainPhase.NOTICE]);
    await uncordon(clients.gate);
    await drain.done;
    await logIsTold('fifth');
    await waitFor('both are told', () => [echo, logs].every((one) => one.drains().at(-1) === DrainPhase.CANCELLED));
    expect(logs.drains()).toEqual([DrainPhase.NOTICE, DrainPhase.CANCELLED]);
  }, 30_000);

  test('end when their time is over, though one worker is busy and nothing else happens', async () => {
    keepEchoBusy();
    startDrain(clients.gate, { noticeMs: 300, timeoutMs: 600_000 });
    await waitFor('the log is frozen', () => logs.drains().includes(DrainPhase.FREEZE));
  }, 30_000);

  test('end at once when all are idle', async () => {
    const receipt = await receiptOfDrain(startDrain(clients.gate, { noticeMs, timeoutMs: 60_000 }));
    expect(durationToMs(receipt.took, Infinity)).toBeLessThan(noticeMs);
  });

  test('end together, busy or not, when the agent is asked to stop in the middle', async () => {
    keepEchoBusy();
    startDrain(clients.gate, { command: command(), noticeMs, timeoutMs: 60_000 });
    await untilStates(State.NOTIFIED, State.NOTIFIED);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    await logs.over();
    expect(logs.drains()).toEqual([DrainPhase.NOTICE, DrainPhase.FREEZE, DrainPhase.READY]);
  }, 30_000);
});
