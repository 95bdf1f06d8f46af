import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { credentials } from '@grpc/grpc-js';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthClient,
  type HealthCheckResponse,
} from '#grpc/health/v1/health.js';
import { State, Target } from '#proto/gate/v1/gate.js';
import {
  AttachMode,
  Channel,
  DrainPhase,
  type EndSessionResponse,
  type ListPanelsResponse,
  type ListSessionsResponse,
  type Session,
} from '#proto/session/v1/session.js';
import {
  WatchRequest,
  type DescribeResponse,
  type HandoffResponse,
  type RevokeResponse,
  type ShutdownResponse,
  type WatchResponse,
} from '#proto/worker/v1/worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { ask, cordon, receiptOfDrain, startDrain, statusOfGate, uncordon } from '#test/support/gate-calls.js';
import { callerMetadata, clientOptions, LinkClient, type LinkClientOptions } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';
import type { PanelDefinition } from '#worker/panel/panel.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';

/** Echo with a picture of its state. */
function createScreenPanel(): PanelDefinition {
  const echo = createEchoPanel();
  return {
    ...echo,
    open: async (context) =>
      Object.assign(await echo.open(context), {
        snapshot: () => ({ contentType: 'text/vnd.panelet.screen', bytes: Buffer.alloc(150_000, 's') }),
      }),
  };
}

jest.setTimeout(60_000);

describe('the services of a worker', () => {
  let dir: string;
  let running: RunningWorker;
  const clients: LinkClient[] = [];
  const client = (options: Partial<LinkClientOptions> = {}): LinkClient => {
    const made = new LinkClient({ socket: running.socket, ...options });
    clients.push(made);
    return made;
  };
  const list = async (identity: string, roles = 'client'): Promise<Session[]> => {
    const { grpc } = client();
    const metadata = callerMetadata(identity, roles);
    return (await ask<ListSessionsResponse>((done) => grpc.listSessions({ panel: '' }, metadata, done))).sessions;
  };
  const end = (sessionId: string, identity: string): Promise<EndSessionResponse> => {
    const { grpc } = client();
    return ask((done) => grpc.endSession({ sessionId }, callerMetadata(identity), done));
  };
  const restart = async (options: Parameters<typeof startRunningWorker>[0] = {}): Promise<void> => {
    await running.stop();
    running = await startRunningWorker({ dir, ...options });
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    running = await startRunningWorker({ dir });
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await running.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('lists sessions to their owner and to an admin, live or on storage', async () => {
    const alice = client();
    const bob = client({ identity: 'bob' });
    await alice.attach();
    await bob.attach();
    alice.write(Buffer.from('x'));
    await alice.echoed();
    expect(await list('alice')).toMatchObject([
      { sessionId: alice.sessionId, owner: 'alice', attached: true, incarnation: 1, framesIn: 1, framesOut: 1 },
    ]);
    expect(await list('carol')).toEqual([]);
    expect(await list('root', 'admin')).toHaveLength(2);
    await receiptOfDrain(startDrain(running.gate));
    await restart();
    expect(await list('alice')).toMatchObject([{ sessionId: alice.sessionId, details: { state: 'sealed' } }]);
    const panels = await ask<ListPanelsResponse>((done) => client().grpc.listPanels({}, callerMetadata(), done));
    expect(panels).toMatchObject({ node: 'node-a', panels: [{ name: 'echo', serving: true, sessions: 2 }] });
  });

  test('ends a session for its owner only, live or on storage', async () => {
    const [alice, second] = [client(), client()];
    await alice.attach();
    await second.attach();
    await expect(end(alice.sessionId, 'bob')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    await end(alice.sessionId, 'alice');
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'ended' });
    await expect(alice.attach()).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    await receiptOfDrain(startDrain(running.gate));
    await restart();
    await end(second.sessionId, 'alice');
    expect(await list('alice')).toEqual([]);
    expect(await running.storage.records.read(second.sessionId)).toBeUndefined();
  });

  test('ends a session when its panel has, after everything was acknowledged', async () => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(50_000));
    alice.fin();
    await alice.over();
    expect(alice.isExact).toBe(true);
    expect(alice.items.at(-1)?.kind).toBe('fin');
    expect(alice.next).toMatchObject({ kind: 'ended' });
    expect(await list('alice')).toEqual([]);
  });

  test('opens once when asked twice', async () => {
    const sessionId = crypto.randomUUID();
    const clientId = crypto.randomUUID();
    const twice = [0, 1].map(() => client({ sessionId, clientId, mode: AttachMode.OPEN }));
    await Promise.allSettled(twice.map((one) => one.attach()));
    expect(await list('alice')).toHaveLength(1);
  });

  test('keeps a detached session for its time to live, which runs only while an agent watches', async () => {
    await restart({ detachTtlMs: 200 });
    const alice = client();
    await alice.attach();
    await alice.cut();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await list('alice')).toHaveLength(1);
    const watch = running.control.watch(WatchRequest.fromPartial({ agentInstance: 'agent-1' }));
    watch.on('error', () => undefined);
    watch.on('data', () => undefined);
    const started = performance.now();
    while ((await list('alice')).length > 0) {
      if (performance.now() - started > 3_000) throw new Error('The session stays.');
    }
    expect(performance.now() - started).toBeGreaterThan(150);
    await expect(alice.attach()).resolves.toMatchObject({ incarnation: 1 });
    watch.cancel();
  });

  test('gives an owner as many sessions as he may have, those on storage too, and wakes what he has', async () => {
    const sessionsPerOwner = { default: 2, of: { ci: 3 } };
    await restart({ sessionsPerOwner });
    const [first, second] = [client(), client()];
    await first.attach();
    await second.attach();
    const third = client();
    await expect(third.attach()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await client({ identity: 'bob' }).attach();
    for (let n = 0; n < 3; n++) await client({ identity: 'ci' }).attach();
    await receiptOfDrain(startDrain(running.gate));
    await Promise.all([first.over(), second.over()]);
    await restart({ sessionsPerOwner });
    await expect(third.attach()).rejects.toMatchObject({
      ...{ code: 'LIMIT_EXCEEDED', message: expect.stringContaining(first.sessionId) },
    });
    await expect(first.attach()).resolves.toMatchObject({ incarnation: 2 });
    await end(second.sessionId, 'alice');
    await third.attach();
  });

  test('ends a session that is silent for too long, and tells its client before and after', async () => {
    await restart({ lifeLimits: { idleMs: 1_000, maxAgeMs: undefined } });
    const alice = client();
    await alice.attach();
    await alice.over();
    expect(alice.drains()).toContain(DrainPhase.NOTICE);
    expect(alice.next).toMatchObject({ kind: 'ended', message: expect.stringMatching(/typed or printed for 1 s/) });
    expect(await list('alice')).toEqual([]);
  });

  test('tells watchers every change of its gate', async () => {
    const watch = running.control.watch(WatchRequest.fromPartial({ agentInstance: 'agent-1' }));
    const seen: State[] = [];
    watch.on('error', () => undefined);
    watch.on('data', ({ status }: WatchResponse) => seen.push(status?.state ?? State.UNSPECIFIED));
    await waitFor('the first status', () => seen.includes(State.SERVING));
    await cordon(running.gate);
    await waitFor('the cordon', () => seen.includes(State.CORDONED));
    await uncordon(running.gate);
    await waitFor('service again', () => seen.at(-1) === State.SERVING);
    watch.cancel();
  });

  test('hands its clients over and keeps their sessions', async () => {
    const all = [client(), client(), client()];
    for (const one of all) await one.attach();
    const request = {
      reason: 'the agent goes',
      retryAfter: { seconds: 0, nanos: 5e6 },
      agentInstance: '',
      within: undefined,
    };
    const answer = await ask<HandoffResponse>((done) => running.control.handoff(request, done));
    expect(answer.attachments).toBe(3);
    for (const one of all) {
      await one.over();
      expect(one.next).toMatchObject({ kind: 'reattach', afterMs: 5 });
      expect(one.drains()).toEqual([DrainPhase.READY]);
      await one.attach();
      one.write(randomBytes(1_000));
      await one.echoed();
    }
    expect((await statusOfGate(running.gate)).state).toBe(State.SERVING);
  });

  test('hands over the clients of the agent that goes, and leaves those of another one alone', async () => {
    const [going, staying, older] = [client({ agentInstance: 'a' }), client({ agentInstance: 'b' }), client()];
    for (const one of [going, staying, older]) await one.attach();
    const handoff = (agentInstance: string): Promise<HandoffResponse> =>
      ask((done) =>
        running.control.handoff({ reason: 'it goes', retryAfter: undefined, agentInstance, within: undefined }, done),
      );
    expect(await handoff('a')).toEqual({ attachments: 1, moved: 0 });
    await going.over();
    expect(going.drains()).toEqual([DrainPhase.READY]);
    for (const one of [staying, older]) {
      one.write(randomBytes(1_000));
      await one.echoed();
      expect(one.drains()).toEqual([]);
    }
    expect(await handoff('a')).toEqual({ attachments: 0, moved: 0 });
    // An agent that does not know of instances has no other one beside it.
    expect(await handoff('')).toEqual({ attachments: 2, moved: 0 });
    await Promise.all([staying.over(), older.over()]);
  });

  test('counts a session as that agent’s through which its client came last', async () => {
    const before = client({ agentInstance: 'a' });
    await before.attach();
    const { sessionId } = before;
    const { resumeToken } = before.link;
    const mode = AttachMode.RESUME;
    const after = client({ agentInstance: 'b', sessionId, resumeToken, mode, takeover: true });
    await after.attach();
    await before.over();
    const request = { reason: 'it goes', retryAfter: undefined, agentInstance: 'a', within: undefined };
    expect(await ask<HandoffResponse>((done) => running.control.handoff(request, done))).toEqual({
      attachments: 0,
      moved: 0,
    });
    after.write(randomBytes(1_000));
    await after.echoed();
  });

  test('counts time to live as long as one of two agents watches', async () => {
    await restart({ detachTtlMs: 200 });
    const watches = ['a', 'b'].map((agentInstance) => {
      const watch = running.control.watch(WatchRequest.fromPartial({ agentInstance }));
      watch.on('error', () => undefined);
      watch.on('data', () => undefined);
      return watch;
    });
    await Promise.all(watches.map((watch) => once(watch, 'data')));
    watches[0]?.cancel();
    const alice = client();
    await alice.attach();
    await alice.cut();
    await waitFor('the session expires', async () => (await list('alice')).length === 0);
    watches[1]?.cancel();
  });

  test('ends one attachment that the agent names: it is told, its session is kept, others go on', async () => {
    const alice = client({ agentName: 'a-1' });
    const bob = client({ identity: 'bob', agentName: 'b-1' });
    await alice.attach();
    await bob.attach();
    const revoke = (attachment: string): Promise<RevokeResponse> =>
      ask((done) => running.control.revoke({ attachment, message: 'No right.' }, done));
    alice.write(randomBytes(10_000));
    await alice.echoed();
    await revoke('a-1');
    await alice.over();
    expect(alice.next).toEqual({ kind: 'failed', code: 'IDENTITY_REFUSED', message: 'No right.' });
    expect(await list('alice')).toMatchObject([{ sessionId: alice.sessionId, attached: false }]);
    bob.write(Buffer.from('still here'));
    await bob.echoed();
    // It is over: there is nothing to end, and an attachment that goes by no name of an agent's cannot be named.
    await expect(revoke('a-1')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    await expect(revoke('')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('describes itself, and ends on request only when nothing is lost', async () => {
    const description = await ask<DescribeResponse>((done) => running.control.describe({}, done));
    expect(description).toMatchObject({ panel: 'echo', pid: process.pid, target: Target.AGENT, checkpointable: true });
    const alice = client();
    await alice.attach();
    const shutdown = (force: boolean): Promise<ShutdownResponse> =>
      ask((done) => running.control.shutdown({ force }, done));
    await expect(shutdown(false)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
    await receiptOfDrain(startDrain(running.gate));
    await shutdown(false);
    await expect(running.worker.ended).resolves.toEqual({ forced: 0 });
  });

  test('answers health checks: the process lives, new sessions are refused', async () => {
    const health = new HealthClient(`unix:${running.socket}`, credentials.createInsecure(), clientOptions);
    const check = (service: string): Promise<HealthCheckResponse> => ask((done) => health.check({ service }, done));
    const service = 'panelet.session.v1.SessionService';
    expect(await check(service)).toEqual({ status: ServingStatus.SERVING });
    await cordon(running.gate);
    expect(await check(service)).toEqual({ status: ServingStatus.NOT_SERVING });
    expect(await check('')).toEqual({ status: ServingStatus.SERVING });
    await expect(check('nothing')).rejects.toMatchObject({ cause: { code: 5 } });
    health.close();
  });

  test('shows a client without state the screen, or says what it has missed', async () => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(10_000));
    await alice.echoed();
    await waitFor('it is acknowledged', () => alice.link.endpoint.unackedCount() === 0);
    await alice.cut();
    const { resumeToken } = alice.link;
    const fresh = client({ sessionId: alice.sessionId, resumeToken, mode: AttachMode.RESUME, takeover: true });
    await fresh.attach();
    expect(fresh.losses).toMatchObject([{ output: { from: 1 } }]);

    await restart({ panel: createScreenPanel() });
    const bob = client();
    await bob.attach();
    bob.write(randomBytes(10_000));
    await bob.echoed();
    await waitFor('it is acknowledged', () => bob.link.endpoint.unackedCount() === 0);
    await bob.cut();
    const late = client({
      sessionId: bob.sessionId,
      resumeToken: bob.link.resumeToken,
      mode: AttachMode.RESUME,
      takeover: true,
    });
    await late.attach();
    await waitFor('the screen', () => late.effects.some(({ kind }) => kind === 'snapshot'));
    const screen = late.effects.find((effect) => effect.kind === 'snapshot');
    expect(screen?.bytes.length).toBe(150_000);
    expect(late.losses).toEqual([]);
    late.link.endpoint.writeData(Channel.STDIN, Buffer.from('more'));
    late.pump();
    await waitFor('the echo after the screen', () => late.receivedBytes === 4);
  });
});
