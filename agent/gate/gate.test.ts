import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { CordonRequest, GateStatus, State, Target, UncordonRequest, type CordonResponse } from '#proto/gate/v1/gate.js';
import { createChanges } from '#common/changes.js';
import { settle } from '#test/support/settle.js';
import { shutDownWorkers } from '../life/shutdown.js';
import type { NodeWorker } from '../workers/node-worker.js';
import type { WorkerClients } from '../workers/worker-clients.js';
import { createCordons } from './cordons.js';
import { createFencing } from './fencing.js';
import { createAgentGate, type AgentGate } from './gate.js';

type Answer = (error: null, response: object) => void;

/** A panel whose worker answers what it is not said never to answer. */
function panelWith(name: string, target: 'agent' | 'host', never: readonly string[]) {
  const told: string[] = [];
  let status = GateStatus.fromPartial({ state: State.SERVING });
  const answer =
    (call: string, make: (request: never) => object) =>
    (request: never, _metadata: unknown, _options: unknown, callback: Answer) => {
      told.push(call);
      if (!never.includes(call)) queueMicrotask(() => callback(null, make(request)));
      return { cancel: () => undefined };
    };
  const set = (change: Partial<GateStatus>): object => {
    status = { ...status, ...change };
    return { status };
  };
  const gate = {
    cordon: answer('cordon', ({ command }: { command: { restartUid: string } }) =>
      set({ state: State.CORDONED, restartUid: command.restartUid }),
    ),
    uncordon: answer('uncordon', () => set({ state: State.SERVING, restartUid: '' })),
    getReceipt: answer('getReceipt', () => ({ receipt: undefined })),
    drain: () => Object.assign(new EventEmitter(), { cancel: () => undefined }),
  };
  const service = { shutdown: answer('shutdown', () => ({})), handoff: answer('handoff', () => ({})) };
  const clients = { gate, worker: service } as unknown as WorkerClients;
  const stays = (): Promise<never> => new Promise(() => undefined);
  const worker = {
    panel: { name, target, run: 'spawn' },
    link: { state: () => ({ kind: 'up', about: {}, status, clients }) },
    supervisor: { retire: stays, stop: stays, status: () => ({ process: { pid: 1 }, message: '' }) },
    leaving: false,
    successor: undefined,
  } as unknown as NodeWorker;
  return { worker, told, set, state: () => status.state };
}

function nodeWith(clock: FakeClock, ...workers: NodeWorker[]) {
  const nodeWorkers = {
    changes: createChanges(),
    workers: () => workers,
    holdAttaches: () => undefined,
    foreign: () => [],
  };
  const cordons = createCordons(clock, () => undefined);
  const log = createSilentLog();
  const names = { instance: 'i', node: 'n', podUid: '', version: '' };
  const parts = {
    clock,
    log,
    names,
    nodeWorkers,
    cordons,
    fencing: createFencing({ stored: 0, read: () => Promise.resolve(undefined), save: () => Promise.resolve() }),
    restartRequired: () => false,
  };
  return { gate: createAgentGate(parts), nodeWorkers, cordons, log };
}

const turnOver = async (): Promise<void> => {
  await settle(5);
};

/** What a promise has come to after a time, which goes on in steps. */
async function within<T>(clock: FakeClock, limitMs: number, work: Promise<T>): Promise<T | Error | 'waits'> {
  const seen: { result: T | Error | 'waits' } = { result: 'waits' };
  work.then(
    (value) => (seen.result = value),
    (error: unknown) => (seen.result = error as Error),
  );
  await turnOver();
  for (let passedMs = 0; passedMs < limitMs && seen.result === 'waits'; passedMs += 250) {
    clock.advance(250);
    await turnOver();
  }
  return seen.result;
}

/** As {@link panelWith}, and drained because there is a newer worker of its panel. */
function retiringWith(name: string, state: State) {
  const made = panelWith(name, 'agent', []);
  made.worker.stage = 'retiring';
  made.set({ state, restartUid: 'retire-1', sessions: 2 });
  return made;
}

const command = { restartUid: 'r', fencing: 1, generation: 1 };
const cordon = (gate: AgentGate, target: Target): Promise<CordonResponse> =>
  gate.cordon(CordonRequest.fromPartial({ command, target }), 'controller');
const silent = (panel: string): object => ({
  code: 'WORKER_UNAVAILABLE',
  message: `The worker of panel "${panel}" does not answer.`,
});

describe('a worker that never answers', () => {
  test('makes a cordon of its target fail within 10 s, named, and the others serve again', async () => {
    const clock = createFakeClock();
    const hung = panelWith('hung', 'agent', ['cordon']);
    const echo = panelWith('echo', 'agent', []);
    const { gate } = nodeWith(clock, echo.worker, hung.worker);
    expect(await within(clock, 10_000, cordon(gate, Target.AGENT))).toMatchObject(silent('hung'));
    expect(echo.told).toEqual(['cordon', 'uncordon']);
    expect(echo.state()).toBe(State.SERVING);
    expect(clock.pending()).toBe(0);
  });

  test('holds up no command for the other target', async () => {
    const clock = createFakeClock();
    const hung = panelWith('hung', 'agent', ['cordon', 'uncordon', 'getReceipt']);
    const shell = panelWith('shell', 'host', []);
    const { gate } = nodeWith(clock, hung.worker, shell.worker);
    const failed = cordon(gate, Target.AGENT).catch((error: unknown) => error);
    await turnOver();
    expect(await within(clock, 0, cordon(gate, Target.HOST))).toMatchObject({ status: { state: State.CORDONED } });
    const uncordon = gate.uncordon(UncordonRequest.fromPartial({ command, target: Target.HOST }), 'controller');
    expect(await within(clock, 0, uncordon)).toMatchObject({ status: { state: State.SERVING } });
    expect(await within(clock, 10_000, failed)).toMatchObject(silent('hung'));
  });

  test('holds up no later command for longer than it is given itself, however many there are', async () => {
    const clock = createFakeClock();
    const hung = panelWith('hung', 'agent', ['cordon']);
    const { gate } = nodeWith(clock, hung.worker);
    const asked = Array.from({ length: 20 }, () => within(clock, 0, cordon(gate, Target.AGENT)));
    await Promise.all(asked);
    const results: unknown[] = [];
    const all = Array.from({ length: 20 }, () => cordon(gate, Target.AGENT).catch((error: unknown) => error));
    for (const one of all) void one.then((error) => results.push(error));
    // Until its turn 12 s, and 10 s then.
    await within(clock, 22_000, Promise.all(all));
    expect(results).toHaveLength(20);
    expect(results.every((error) => (error as { code?: string }).code === 'WORKER_UNAVAILABLE')).toBe(true);
  });

  test('does not keep an uncordon from being forgotten: new workers start', async () => {
    const clock = createFakeClock();
    const hung = panelWith('hung', 'agent', ['uncordon']);
    const { gate, cordons } = nodeWith(clock, hung.worker);
    await within(clock, 0, cordon(gate, Target.AGENT));
    expect(cordons.get(Target.AGENT)).toBeDefined();
    const uncordon = gate.uncordon(UncordonRequest.fromPartial({ command, target: Target.AGENT }), 'controller');
    expect(await within(clock, 10_000, uncordon)).toMatchObject(silent('hung'));
    expect(cordons.get(Target.AGENT)).toBeUndefined();
  });

  test('does not keep the agent from ending within its grace period', async () => {
    const clock = createFakeClock();
    const hung = panelWith('hung', 'agent', ['shutdown']);
    const shell = panelWith('shell', 'host', ['handoff']);
    const { nodeWorkers, cordons, log } = nodeWith(clock, hung.worker, shell.worker);
    const registry = nodeWorkers as unknown as Parameters<typeof shutDownWorkers>[0]['registry'];
    const hurry = new AbortController().signal;
    const ended = shutDownWorkers({ registry, clock, log, instance: 'i', cordons, graceMs: 10_000, hurry });
    expect(await within(clock, 10_000, ended)).toBe(false);
  });
});

describe('a worker that is drained because there is a newer one', () => {
  test('does not close the gate, and its sessions count', () => {
    const { worker } = retiringWith('echo', State.NOTIFIED);
    const { gate } = nodeWith(createFakeClock(), worker, panelWith('echo', 'agent', []).worker);
    expect(gate.status(Target.AGENT)).toMatchObject({ state: State.SERVING, restartUid: '', sessions: 2 });
  });

  test('is taken back by a restart of its target, which then drains it as all others', async () => {
    const clock = createFakeClock();
    const old = retiringWith('echo', State.NOTIFIED);
    const { gate } = nodeWith(clock, old.worker, panelWith('echo', 'agent', []).worker);
    expect(await within(clock, 0, cordon(gate, Target.AGENT))).toMatchObject({ status: { state: State.CORDONED } });
    expect(old.told).toEqual(['uncordon', 'cordon']);
  });

  test('is left alone once everything of it is written down, and by an end of a cordon', async () => {
    const clock = createFakeClock();
    const old = retiringWith('echo', State.CLOSED);
    const { gate } = nodeWith(clock, old.worker, panelWith('echo', 'agent', []).worker);
    expect(await within(clock, 0, cordon(gate, Target.AGENT))).toMatchObject({ status: { state: State.CORDONED } });
    await within(clock, 0, gate.uncordon(UncordonRequest.fromPartial({ command, target: Target.AGENT }), 'controller'));
    expect(old.told).toEqual([]);
  });
});
