import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createChanges, type Changes } from '#common/changes.js';
import { createSilentLog } from '#common/log.js';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import { DrainRequest, GateStatus, NoticeEnd, OnTimeout, State, Target } from '#proto/gate/v1/gate.js';
import { settle } from '#test/support/settle.js';
import type { NodeWorker } from '../workers/node-worker.js';
import { createCordons, type Cordons } from './cordons.js';
import { SharedNotices } from './notices.js';

const noticeMs = 10_000;
const request = DrainRequest.fromPartial({
  command: { restartUid: 'r', fencing: 1, generation: 1 },
  target: Target.AGENT,
  notice: msToDuration(noticeMs),
  timeout: msToDuration(60_000),
});

/** A worker whose notice is ended. */
class Panel {
  worker: NodeWorker;
  ended = 0;
  refuses = false;
  #call: EventEmitter | undefined;
  #status = GateStatus.fromPartial({ state: State.NOTIFIED });
  readonly #changes: Changes;
  #clients = { gate: { drain: (of: DrainRequest) => this.#take(of) } };

  constructor(name: string, changes: Changes) {
    this.#changes = changes;
    this.worker = {
      panel: { name, target: 'agent' },
      link: { state: () => ({ kind: 'up', status: this.#status, clients: this.#clients }) },
      supervisor: undefined,
    } as unknown as NodeWorker;
  }

  /** Another process comes up at its socket, and is drained. */
  comeBack(): void {
    this.#clients = { ...this.#clients };
    this.set({ state: State.NOTIFIED });
  }

  /** Tells who ended the notice, before the watch has it. */
  tell(state: State): void {
    this.#call?.emit('data', { status: GateStatus.fromPartial({ state }) });
  }

  set(status: Partial<GateStatus>): void {
    this.#status = { ...this.#status, ...status };
    this.#changes.notify();
  }

  holdFor(ms: number): void {
    const holder = { sessionId: 's', panel: '', operation: 'o', held: msToDuration(ms), bytes: 0 };
    this.set({ holders: ms === 0 ? [] : [holder] });
  }

  #take(of: DrainRequest): EventEmitter {
    if (of.noticeEnd === NoticeEnd.NOW) this.ended++;
    const call = Object.assign(new EventEmitter(), { cancel: () => undefined });
    this.#call = call;
    const answer = { status: { ...this.#status } };
    queueMicrotask(() => (this.refuses ? call.emit('error', new Error('no')) : call.emit('data', answer)));
    return call;
  }
}

let clock: FakeClock;
let cordons: Cordons;
let echo: Panel;
let logs: Panel;
let notices: SharedNotices;

beforeEach(() => {
  clock = createFakeClock();
  const changes = createChanges();
  cordons = createCordons(clock, () => changes.notify());
  const cordon = { restartUid: 'r', generation: 1, reason: '', draining: true };
  cordons.set(Target.AGENT, { ...cordon, untilMs: 60_000 });
  [echo, logs] = [new Panel('echo', changes), new Panel('logs', changes)];
  const nodeWorkers = { changes, workers: () => [echo.worker, logs.worker] };
  notices = new SharedNotices({ clock, log: createSilentLog(), nodeWorkers, cordons });
});

const ended = (): [number, number] => [echo.ended, logs.ended];
const pass = async (ms: number): Promise<void> => {
  clock.advance(ms);
  await settle();
};

describe('the notices of the workers of a node', () => {
  test('are over at once where there is none', async () => {
    echo.set({ state: State.SERVING });
    logs.set({ state: State.SERVING });
    notices.begin(Target.AGENT, { ...request, notice: msToDuration(0), onTimeout: OnTimeout.WAIT });
    await settle();
    expect(ended()).toEqual([0, 0]);
    echo.set({ state: State.NOTIFIED });
    logs.set({ state: State.NOTIFIED });
    await settle();
    expect(ended()).toEqual([1, 0]);
    echo.set({ state: State.QUIESCED });
    await settle();
    expect(ended()).toEqual([1, 1]);
  });

  test('end together as soon as all are idle', async () => {
    notices.begin(Target.AGENT, request);
    echo.set({ noticeMayEnd: true });
    await pass(1_000);
    expect(ended()).toEqual([0, 0]);
    logs.set({ noticeMayEnd: true });
    await settle();
    expect(ended()[0]).toBeGreaterThan(0);
    expect(ended()[1]).toBeGreaterThan(0);
  });

  test('end first where somebody holds, when they are over; the others when all there are at rest', async () => {
    notices.begin(Target.AGENT, request);
    logs.holdFor(3_000);
    await pass(noticeMs - 1);
    expect(ended()).toEqual([0, 0]);
    await pass(1);
    expect(ended()).toEqual([0, 1]);
    logs.set({ state: State.FROZEN });
    await pass(20_000);
    expect(ended()).toEqual([0, 1]);
    logs.set({ state: State.QUIESCED });
    await settle();
    expect(ended()).toEqual([1, 1]);
  });

  test('end together when they are over and nobody holds', async () => {
    notices.begin(Target.AGENT, request);
    await pass(noticeMs);
    expect(ended()).toEqual([1, 1]);
  });

  test('end one after the other where several hold, the next as soon as the worker itself says that all are at rest', async () => {
    notices.begin(Target.AGENT, request);
    echo.holdFor(100);
    logs.holdFor(3_000);
    await pass(noticeMs);
    logs.set({ state: State.FROZEN });
    logs.tell(State.FROZEN);
    await settle();
    expect(ended()).toEqual([0, 1]);
    logs.tell(State.QUIESCED);
    await settle();
    expect(ended()).toEqual([1, 1]);
  });

  test('end at a process that came back, too', async () => {
    notices.begin(Target.AGENT, request);
    await pass(noticeMs);
    echo.comeBack();
    logs.set({ state: State.CLOSED });
    await settle();
    expect(ended()).toEqual([2, 1]);
  });

  test('are over after half of the time of the drain at the latest', async () => {
    notices.begin(Target.AGENT, { ...request, timeout: msToDuration(4_000) });
    await pass(2_000);
    expect(ended()).toEqual([1, 1]);
  });

  test('are shorter for a call that joins, never longer', async () => {
    notices.begin(Target.AGENT, request);
    notices.begin(Target.AGENT, { ...request, notice: msToDuration(20_000) });
    notices.begin(Target.AGENT, { ...request, notice: msToDuration(1_000) });
    await pass(1_000);
    expect(ended()).toEqual([1, 1]);
  });

  test('are ended again where a worker did not take it', async () => {
    notices.begin(Target.AGENT, request);
    echo.refuses = true;
    await pass(noticeMs);
    expect(ended()).toEqual([1, 1]);
    logs.tell(State.QUIESCED);
    echo.refuses = false;
    await pass(500);
    expect(ended()).toEqual([2, 1]);
  });

  test('are let alone once the drain is called off, or the lease of its cordon has run out', async () => {
    notices.begin(Target.AGENT, request);
    cordons.clear(Target.AGENT);
    await pass(noticeMs);
    expect(ended()).toEqual([0, 0]);
    expect(notices.requestFor(Target.AGENT, request)).toBe(request);
  });

  test('last at a worker until the agent ends them', () => {
    expect(notices.requestFor(Target.AGENT, request)).toBe(request);
    notices.begin(Target.AGENT, request);
    const held = notices.requestFor(Target.AGENT, request);
    expect(held).toMatchObject({ noticeEnd: NoticeEnd.HELD, notice: msToDuration(60_000) });
    const waiting = notices.requestFor(Target.AGENT, { ...request, onTimeout: OnTimeout.WAIT });
    expect(durationToMs(waiting.notice, 0)).toBeGreaterThan(86_400_000);
  });

  test('are those of the caller where it says what ends them', async () => {
    const own = { ...request, noticeEnd: NoticeEnd.HELD };
    notices.begin(Target.AGENT, own);
    expect(notices.requestFor(Target.AGENT, own)).toBe(own);
    await pass(60_000);
    expect(ended()).toEqual([0, 0]);
  });
});
