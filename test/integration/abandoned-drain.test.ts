import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PaneletSession } from '#client/sdk.js';
import { createSystemClock } from '#common/time/clock.js';
import { msToDuration, type ProtoDuration } from '#common/time/duration.js';
import { createLatch } from '#common/time/latch.js';
import type { ControllerGateClient } from '#controller/gate/gate-client.js';
import { OnTimeout, State, Target, type Command } from '#proto/gate/v1/gate.js';
import { agentPid } from '#test/support/restarts.js';
import { gateAddress, openAdminGate } from '#test/support/cluster-gate.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';

const root = process.cwd();
const clock = createSystemClock({ keepsAlive: true });
const leaseMs = 3_000;
// What is promised: within the lease and ten seconds.
const limitMs = leaseMs + 10_000;

let cluster: TestCluster;
let gate: ControllerGateClient;
let serial = 0;

beforeAll(async () => {
  // No controller: the test is one, and dies.
  cluster = await startTestCluster({
    binDirectory: join(root, 'dist', 'bin'),
    root,
    nodes: 1,
    controller: false,
    restartDelays: { firstMs: 50, secondMs: 50, maxMs: 200 },
  });
  await cluster.agentsReady(30_000);
  gate = openAdminGate(cluster, clock);
}, 60_000);

afterAll(async () => {
  gate.close();
  await cluster.stop();
}, 60_000);

const address = (): ReturnType<typeof gateAddress> => gateAddress(cluster);
const nextCommand = (): Command => ({ restartUid: `abandoned-${++serial}`, fencing: serial, generation: 1 });

const waitForState = (state: State): Promise<void> =>
  waitFor(`the gate to be ${State[state]}`, async () => (await gate.status(address()))?.state === state, limitMs);

/** A session that knows what it sent and hears it all back. */
async function openTalk(): Promise<{ session: PaneletSession; say(text: string): Promise<void>; heard(): string }> {
  const session = await cluster.client('node-a').open({ panel: 'echo' });
  const heard = createHash('sha256');
  const said = createHash('sha256');
  let heardBytes = 0;
  let saidBytes = 0;
  const read = async (): Promise<void> => {
    for await (const item of session) {
      if (item.kind !== 'data') continue;
      heard.update(item.payload);
      heardBytes += item.payload.length;
    }
  };
  void read().catch(() => undefined);
  return {
    session,
    say: async (text) => {
      said.update(text);
      saidBytes += Buffer.byteLength(text);
      await session.write(text);
      await waitFor('the echo', () => heardBytes === saidBytes, limitMs);
    },
    heard: () => (heard.copy().digest('hex') === said.copy().digest('hex') ? 'all, once, in order' : 'something else'),
  };
}

/** Brings the gate to a state, keeps its lease until that is seen, and lets go of it, as a controller that is killed. */
async function abandonAt(state: State, talk: { session: PaneletSession }): Promise<void> {
  const command = nextCommand();
  const lease = msToDuration(leaseMs);
  const renew = (): Promise<void> => gate.cordon(address(), { command, target: Target.AGENT, lease, reason: 'a test' });
  let renewed = Promise.resolve();
  const renewing = setInterval(() => {
    renewed = renew().catch(() => undefined);
  }, leaseMs / 6);
  try {
    if (state === State.CORDONED) await renew();
    else await drainTo(state, { command, lease, talk });
    await waitForState(state);
  } finally {
    clearInterval(renewing);
    await renewed;
  }
}

interface Drain {
  readonly command: Command;
  readonly lease: ProtoDuration;
  readonly talk: { readonly session: PaneletSession };
}

async function drainTo(state: State, { command, lease, talk }: Drain): Promise<void> {
  // A session is busy for as long as it holds: that keeps a drain in NOTIFIED, and then in FROZEN.
  if (state !== State.CLOSED) {
    await talk.session.send('hold', Buffer.from(JSON.stringify({ ms: 60_000 })));
    await talk.session.flushed();
  }
  const reached = createLatch();
  const request = {
    command,
    target: Target.AGENT,
    notice: msToDuration(state === State.NOTIFIED ? 30_000 : 0),
    timeout: msToDuration(60_000),
    onTimeout: OnTimeout.WAIT,
    reason: 'a test',
    lease,
  };
  const call = gate.drain(address(), request, {
    onState: (response) => {
      if (response.status?.state === state) reached.resolve();
    },
    onEnd: (error) => reached.reject(error ?? new Error(`The drain ended before ${State[state]}.`)),
  });
  await reached.promise;
  call.stop();
}

describe('a drain that its controller abandoned', () => {
  for (const state of [State.CORDONED, State.NOTIFIED, State.FROZEN, State.CLOSED]) {
    for (const alsoAgent of [false, true]) {
      const name = `in ${State[state]}${alsoAgent ? ', its agent killed too,' : ''}`;
      test(`${name} ends with its lease: the old session goes on, a new one enters`, async () => {
        const talk = await openTalk();
        await talk.say('before');
        await abandonAt(state, talk);
        if (alsoAgent) process.kill(agentPid(cluster, 'node-a') ?? 0, 'SIGKILL');
        const fresh = await cluster.client('node-a').open({ panel: 'echo', signal: AbortSignal.timeout(limitMs) });
        await waitForState(State.SERVING);
        await talk.say('after');
        expect(talk.heard()).toBe('all, once, in order');
        await Promise.all([fresh.terminate(), talk.session.terminate()]);
      }, 60_000);
    }
  }
});
