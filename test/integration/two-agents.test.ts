import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(120_000);

/** Writes a line every 5 ms and reads what comes back; throws where it is not what was written. */
function talkOn(session: PaneletSession) {
  const clock = createSystemClock();
  let [written, received, heardMs, longestSilenceMs, isOver] = ['', '', clock.nowMs(), 0, false];
  const writing = (async () => {
    for (let line = 1; !isOver; line += 1) {
      written += `${line}\n`;
      await session.write(`${line}\n`);
      await sleep(clock, 5);
    }
    await session.end();
  })();
  const reading = (async () => {
    for await (const item of session) {
      if (item.kind !== 'data') continue;
      longestSilenceMs = Math.max(longestSilenceMs, clock.nowMs() - heardMs);
      heardMs = clock.nowMs();
      received += Buffer.from(item.payload).toString();
    }
  })();
  const count = (): number => received.split('\n').length - 1;
  return {
    count,
    until: (lines: number) => waitFor(`${lines} lines`, () => count() >= lines),
    stop: async () => {
      isOver = true;
      await Promise.all([writing, reading]);
      expect(received).toBe(written);
      return { longestSilenceMs };
    },
  };
}

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

  const homeOfHost = (): AgentHome => {
    const panels = [{ name: 'echo', target: 'host', run: 'external' }];
    const home = createAgentHome(builtPrograms, { panels, stateDir: join(dir, 'agents') });
    const socket = join(home.dir, 'run', 'host', 'echo', 'worker.sock');
    mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
    symlinkSync(worker.socket, socket);
    return home;
  };
  const addressOf = (index: number): string => homes[index]?.address ?? '';
  /** A session through the first of these agents, and then the next; and why it had to attach again. */
  const open = async (...agents: readonly number[]) => {
    const client = createPaneletClient({ resolve: () => agents.map(addressOf) });
    clients.push(client);
    const session: PaneletSession = await client.open({ panel: 'echo' });
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

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'p2-'));
    worker = spawnWorker({ dir, args: ['--target', 'host'] });
    await worker.ready;
    homes = [homeOfHost(), homeOfHost()];
    [going] = (await Promise.all(homes.map((home) => home.start()))) as [AgentProcess, AgentProcess];
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    for (const agent of gates.splice(0)) agent.close();
    for (const home of homes) home.remove();
    await worker.end();
    rmSync(dir, { recursive: true, force: true });
  });

  test('SIGKILL of one cuts its own clients, and no other', async () => {
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

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'a cordon of the host is its restart’s, whichever agent it came through, and outlives a %s of that one',
    async (signal) => {
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
