import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createPaneletClient, type PaneletClient, type PaneletSession } from '#client/sdk.js';
import { messageOf } from '#common/errors/errors.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { msToDuration } from '#common/time/duration.js';
import {
  CordonRequest,
  State,
  Target,
  UncordonRequest,
  type CordonResponse,
  type UncordonResponse,
} from '#proto/gate/v1/gate.js';
import { DrainPhase } from '#proto/session/v1/session.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  type AgentClients,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { echoed } from '#test/support/echoed.js';
import { LinkClient } from '#test/support/link-client.js';
import { startPythonClient, type PythonEcho } from '#test/support/python-client.js';
import { describeWith, findPython } from '#test/support/strange-tools.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(120_000);

/** What is written, a line at a time, and what is to come back for each. */
interface Talk {
  readonly say: (line: number) => string;
  readonly answer: (line: number) => string;
}

const echo: Talk = { say: (line) => `${line}\n`, answer: (line) => `${line}\n` };

/** Writes a line every 5 ms and reads what comes back; throws where that is not the answer to what was written. */
function talkOn(session: PaneletSession, { say, answer }: Talk = echo) {
  const clock = createSystemClock();
  let [expected, received, heardMs, longestSilenceMs, isOver] = ['', '', clock.nowMs(), 0, false];
  const writing = (async () => {
    for (let line = 1; !isOver; line += 1) {
      expected += answer(line);
      await session.write(say(line));
      await sleep(clock, 5);
    }
  })();
  void (async () => {
    for await (const item of session) {
      if (item.kind !== 'data') continue;
      longestSilenceMs = Math.max(longestSilenceMs, clock.nowMs() - heardMs);
      heardMs = clock.nowMs();
      received += Buffer.from(item.payload).toString();
    }
  })().catch(() => undefined);
  const count = (): number => received.split('\n').length - 1;
  return {
    count,
    until: (lines: number) => waitFor(`${lines} lines`, () => count() >= lines),
    stop: async () => {
      isOver = true;
      await writing;
      await waitFor('all lines', () => received.length >= expected.length);
      expect(received).toBe(expected);
      return { longestSilenceMs };
    },
  };
}

/** Asks a shell for its pid; from then on it prints what commands print, and nothing else. */
async function pidOf(shell: PaneletSession): Promise<string> {
  await shell.write('stty -echo; PS1=; echo pid:$$.\n');
  let text = '';
  for await (const item of shell) {
    if (item.kind === 'data') text += Buffer.from(item.payload).toString();
    const pid = /pid:(\d+)\.\r\n/.exec(text)?.[1];
    if (pid !== undefined) return pid;
  }
  throw new Error(`The shell has ended: ${text}`);
}

// Its gRPC is not among what npm installs; `npm run e2e` leaves it behind.
const withPython = describeWith(findPython('grpc', 'grpc_tools') !== undefined);

const target = Target.HOST;
const commandOf = (restartUid: string) => ({ restartUid, fencing: 3, generation: 1 });

/** An agent that goes, and one that is here already, over one worker of the host. */
describe('two agents of one node', () => {
  let dir: string;
  let worker: WorkerProcess;
  let homes: AgentHome[];
  let going: AgentProcess;
  const clients: PaneletClient[] = [];
  const gates: AgentClients[] = [];

  const homeOfHost = (panel: string): AgentHome => {
    const panels = [{ name: panel, target: 'host', run: 'external' }];
    const home = createAgentHome(builtPrograms, { panels, stateDir: join(dir, 'agents') });
    const socket = join(home.dir, 'run', 'host', panel, 'worker.sock');
    mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
    symlinkSync(worker.socket, socket);
    return home;
  };
  const addressOf = (index: number): string => homes[index]?.address ?? '';
  /** A client of the first of these agents, and then the next. */
  const clientOf = (...agents: readonly number[]): PaneletClient => {
    const client = createPaneletClient({ resolve: () => agents.map(addressOf) });
    clients.push(client);
    return client;
  };
  /** A session of such a client, and why it had to attach again. */
  const open = async (...agents: readonly number[]) => {
    const session = await clientOf(...agents).open({ panel: 'echo' });
    expect(await echoed(session, 'before')).toBe('before');
    const cuts: string[] = [];
    session.on('reattaching', ({ planned }) => cuts.push(planned ? 'told' : 'cut'));
    return { session, cuts };
  };
  const gateOf = (index: number) => {
    const agent = connectAgent(addressOf(index));
    gates.push(agent);
    const { gate, metadata } = agent;
    return {
      cordon: (restartUid: string): Promise<CordonResponse> => {
        const request = { command: commandOf(restartUid), target, lease: msToDuration(60_000) };
        return call((...rest) => gate.cordon(...rest), CordonRequest.fromPartial(request), metadata);
      },
      uncordon: (restartUid: string): Promise<UncordonResponse> => {
        const request = UncordonRequest.fromPartial({ command: commandOf(restartUid), target });
        return call((...rest) => gate.uncordon(...rest), request, metadata);
      },
    };
  };

  const begin = async (panel: string, ...args: readonly string[]): Promise<void> => {
    worker = spawnWorker({ dir, panel, args: ['--target', 'host', ...args] });
    await worker.ready;
    homes = [homeOfHost(panel), homeOfHost(panel)];
    [going] = (await Promise.all(homes.map((home) => home.start()))) as [AgentProcess, AgentProcess];
  };

  beforeEach(() => {
    // Directly in /tmp: owners of shells must be able to pass, and those of the tests are closed.
    dir = mkdtempSync('/tmp/p2-');
    chmodSync(dir, 0o711);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    for (const agent of gates.splice(0)) agent.close();
    for (const home of homes) home.remove();
    await worker.end();
    rmSync(dir, { recursive: true, force: true });
  });

  test('SIGKILL of one cuts its own clients, and no other', async () => {
    await begin('echo');
    const own = await open(0, 1);
    const other = await open(1);
    going.child.kill('SIGKILL');
    await going.exited;
    expect(await echoed(own.session, 'after')).toBe('after');
    expect(await echoed(other.session, 'after')).toBe('after');
    expect(own.cuts[0]).toBe('cut');
    expect(other.cuts).toEqual([]);
  });

  test('SIGTERM of one moves its own clients while they go on, and no other', async () => {
    await begin('echo');
    const [own, other] = [await open(0, 1), await open(1)];
    const released = new LinkClient({ address: addressOf(0) });
    await released.attach();
    const talk = talkOn(own.session);
    await talk.until(100);
    going.child.kill('SIGTERM');
    await released.over();
    // One that knows of no moves is told to attach again, and does.
    expect(released.drains()).toEqual([DrainPhase.READY]);
    released.goTo(addressOf(1));
    await released.attach();
    released.write(Buffer.from('after'));
    await released.echoed();
    expect(await going.exited).toBe(0);
    await talk.until(talk.count() + 100);
    const { longestSilenceMs } = await talk.stop();
    process.stdout.write(`longest silence of a client whose agent went: ${longestSilenceMs.toFixed(0)} ms\n`);
    expect(own.session.stats()).toMatchObject({ moves: 1, resumes: 0, losses: 0 });
    expect(own.cuts).toEqual([]);
    expect(await echoed(other.session, 'after')).toBe('after');
    expect(other.session.stats()).toMatchObject({ moves: 0, resumes: 0 });
    await released.close();
  });

  test('a shell whose agent goes is the same process, and has lost no byte', async () => {
    const owners =
      process.getuid?.() === 0 ? `uids=${JSON.stringify({ first: 112_000, count: 10 })}` : 'allowSameUser=true';
    await begin('terminal', '--parameter', owners);
    const shell = await clientOf(0, 1).open({ panel: 'terminal', parameters: { command: '/bin/sh' } });
    const pid = await pidOf(shell);
    const talk = talkOn(shell, { say: (line) => `echo ${line}:$$\n`, answer: (line) => `${line}:${pid}\r\n` });
    await talk.until(50);
    going.child.kill('SIGTERM');
    expect(await going.exited).toBe(0);
    await talk.until(talk.count() + 50);
    const { longestSilenceMs } = await talk.stop();
    process.stdout.write(`longest silence of a shell whose agent went: ${longestSilenceMs.toFixed(0)} ms\n`);
    expect(shell.stats()).toMatchObject({ moves: 1, resumes: 0, losses: 0 });
  });

  withPython('a client in Python, which knows of no moves', () => {
    test('is told to attach again, and loses nothing', async () => {
      await begin('echo');
      const addressFile = join(dir, 'address');
      writeFileSync(addressFile, addressOf(0));
      const args = ['echo', '--plaintext', '--address-file', addressFile, '--bytes', '300000', '--rate', '100000'];
      const client = startPythonClient(args);
      await waitFor('it is attached', () => client.stderr().includes('attached: '));
      writeFileSync(addressFile, addressOf(1));
      going.child.kill('SIGTERM');
      expect(await going.exited).toBe(0);
      const { code, stdout, stderr } = await client.ended;
      expect([code, stderr]).toEqual([0, expect.stringContaining('READY')]);
      const told = JSON.parse(stdout) as PythonEcho;
      expect(told.blocks).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, damaged: 0 });
      expect(told.sha256_at_worker).toBe(told.sha256_sent);
      expect(told.attachments.map(({ outcome, incarnation }) => [outcome, incarnation])).toEqual([
        ['NEW', 1],
        ['EXACT', 1],
      ]);
      expect(told.drains.map(({ phase }) => phase)).toEqual(['READY']);
      process.stdout.write(`longest gap of a client in Python whose agent went: ${told.longest_gap_ms} ms\n`);
    });
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'a cordon of the host is its restart’s, whichever agent it came through, and outlives a %s of that one',
    async (signal) => {
      await begin('echo');
      const [first, second] = [gateOf(0), gateOf(1)];
      await first.cordon('r1');
      const refusal = (): Promise<string> => second.cordon('r2').then(() => 'taken', messageOf);
      expect(await refusal()).toMatch(/r1 has (cordoned this gate|the cordon)/);
      going.child.kill(signal);
      await going.exited;
      expect(await refusal()).toMatch(/r1 has (cordoned this gate|the cordon)/);
      // The controller renews it and calls it off at the agent that is left.
      expect((await second.cordon('r1')).status).toMatchObject({ state: State.CORDONED, restartUid: 'r1' });
      expect((await second.uncordon('r1')).status).toMatchObject({ state: State.SERVING });
      await open(1);
    },
  );

  test('a cordon that one has lifted, the other does not put on the next worker', async () => {
    await begin('echo');
    const [first, second] = [gateOf(0), gateOf(1)];
    await first.cordon('r1');
    await second.uncordon('r1');
    await waitFor('the first one has seen it', () => going.log().includes('Somebody else has uncordoned the gate'));
    await worker.end();
    worker = spawnWorker({ dir, args: ['--target', 'host'] });
    await worker.ready;
    await open(0);
    await open(1);
  });
});
