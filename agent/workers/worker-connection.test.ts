import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server as SocketServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createBackoff } from '#common/time/backoff.js';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { GateStatus, State, Target } from '#proto/gate/v1/gate.js';
import { SessionServiceService } from '#proto/session/v1/session.js';
import {
  WorkerServiceService,
  WatchRequest,
  type WatchResponse,
  type WorkerServiceServer,
} from '#proto/worker/v1/worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { callWorker } from './call-worker.js';
import { createWorkerSocket } from './worker-socket.js';
import { createWorkerConnection, type ConnectionState } from './worker-connection.js';

const closings: (() => void)[] = [];
afterEach(() => {
  for (const close of closings.splice(0).reverse()) close();
});

/** A worker whose answers can be switched off, behind a socket that counts connections. */
async function startWorker() {
  const dir = mkdtempSync(join(tmpdir(), 'panelet-link-'));
  closings.push(() => rmSync(dir, { recursive: true, force: true }));
  const levers = { describes: true, watches: true, described: 0, connections: 0, instance: 'one' };
  const watches = new Set<ServerWritableStream<WatchRequest, WatchResponse>>();
  const server = new Server();
  const service: Partial<WorkerServiceServer> = {
    describe: (_call, callback) => {
      levers.described++;
      const { instance } = levers;
      const about = {
        panel: 'echo',
        version: '1',
        pid: 1,
        instance,
        target: Target.AGENT,
        checkpointable: true,
        metadataKeys: [],
      };
      if (levers.describes) callback(null, about);
    },
    watch: (call) => {
      watches.add(call);
      call.once('cancelled', () => watches.delete(call));
      if (levers.watches) call.write({ status: GateStatus.fromPartial({ state: State.SERVING }) });
    },
  };
  server.addService(WorkerServiceService, service as WorkerServiceServer);
  server.addService(SessionServiceService, {
    listSessions: (_call: unknown, callback: (error: null, response: object) => void) =>
      callback(null, { sessions: [] }),
  });
  const inner = join(dir, 'inner.sock');
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${inner}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  closings.push(() => server.forceShutdown());
  const socketPath = join(dir, 'echo.sock');
  const sockets = new Set<Socket>();
  const door: SocketServer = createServer((from) => {
    levers.connections++;
    const to = connect(inner);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => door.listen(socketPath, resolve));
  closings.push(() => {
    door.close();
    for (const socket of sockets) socket.destroy();
  });
  const endWatches = (): void => {
    for (const call of watches) call.end();
  };
  return { levers, socketPath, sockets, watches, endWatches };
}

function openLink(socketPath: string) {
  const clock = createFakeClock();
  const seen: ConnectionState['kind'][] = [];
  const counts = { silent: 0 };
  const link = createWorkerConnection({
    ...{
      panel: 'echo',
      socket: createWorkerSocket(() => [socketPath]),
      self: WatchRequest.fromPartial({ agentInstance: 'a' }),
      clock,
      log: createSilentLog(),
    },
    backoff: createBackoff(createSeededRandom(1), { initialMs: 20, maxMs: 1_000 }),
    prepare: (_clients, status) => Promise.resolve(status),
    onChange: () => seen.push(link.state().kind),
    onSilent: () => counts.silent++,
  });
  closings.push(() => link.close());
  /** Until the link is in a state, while time goes on in small steps. */
  const untilKind = (kind: ConnectionState['kind'], stepMs = 0): Promise<void> =>
    waitFor(kind, () => {
      clock.advance(stepMs);
      return link.state().kind === kind;
    });
  return { clock, link, seen, counts, untilKind };
}

describe('the link to a worker', () => {
  test('asks every 10 s whether it still answers, and takes it for unknown 5 s later', async () => {
    const worker = await startWorker();
    const { clock, link, counts, untilKind } = openLink(worker.socketPath);
    await untilKind('up');
    // Calls of one connection are answered in order: once this one is, so is what was asked before it.
    const behindAnswers = async (): Promise<void> => {
      const state = link.state();
      if (state.kind !== 'up') throw new Error('not up');
      const { gate } = state.clients;
      await callWorker((...rest) => gate.status({}, ...rest), { clock, timeoutMs: 60_000 }).catch(() => undefined);
    };
    for (let round = 2; round <= 4; round++) {
      clock.advance(10_000);
      await waitFor('asked again', () => worker.levers.described === round);
      await behindAnswers();
    }
    worker.levers.describes = false;
    clock.advance(10_000);
    await waitFor('asked once more', () => worker.levers.described === 5);
    clock.advance(4_999);
    expect(link.state().kind).toBe('up');
    clock.advance(1);
    await untilKind('unknown');
    // Busy for a while is not yet hung.
    expect(counts.silent).toBe(0);
    await waitFor('its clients are told', () => {
      clock.advance(100);
      return counts.silent > 0;
    });
    worker.levers.describes = true;
    await untilKind('up', 100);
  });

  test('takes a worker for unknown that says no status, or is another one', async () => {
    const worker = await startWorker();
    worker.levers.watches = false;
    const { clock, link, untilKind } = openLink(worker.socketPath);
    await waitFor('the watch', () => worker.watches.size === 1);
    expect(link.asked()).toBe(false);
    clock.advance(3_000);
    await waitFor('something is known', () => link.asked());
    expect(link.state()).toMatchObject({ kind: 'unknown', message: expect.stringContaining('status') as unknown });
    worker.levers.watches = true;
    await untilKind('up', 100);
    worker.levers.instance = 'two';
    clock.advance(10_000);
    await untilKind('unknown');
    await untilKind('up', 100);
    expect(link.state()).toMatchObject({ about: { instance: 'two' } });
  });

  test('watches again when the watch ends, and leaves no timer and no connection when it is closed', async () => {
    const worker = await startWorker();
    const { clock, link, seen, untilKind } = openLink(worker.socketPath);
    await untilKind('up');
    for (let round = 0; round < 10; round++) {
      const before = seen.length;
      worker.endWatches();
      await waitFor('lost', () => seen.length > before);
      await untilKind('up', 100);
    }
    // The next question.
    expect(clock.pending()).toBe(1);
    link.close();
    await waitFor('no timer', () => clock.pending() === 0);
    await waitFor('no connection', () => worker.sockets.size === 0);
  });

  test('keeps what users ask apart from the watch and the gate', async () => {
    const worker = await startWorker();
    const { clock, link, untilKind } = openLink(worker.socketPath);
    await untilKind('up');
    const before = worker.levers.connections;
    const state = link.state();
    if (state.kind !== 'up') throw new Error('not up');
    const { session, gate, worker: about } = state.clients;
    const bounds = { clock, timeoutMs: 5_000 };
    await callWorker((...rest) => about.describe({}, ...rest), bounds);
    await callWorker((...rest) => gate.status({}, ...rest), bounds).catch(() => undefined);
    expect(worker.levers.connections).toBe(before);
    await callWorker((...rest) => session.listSessions({ panel: '' }, ...rest), bounds);
    expect(worker.levers.connections).toBe(before + 1);
    link.close();
    await waitFor('no connection', () => worker.sockets.size === 0);
  });
});
