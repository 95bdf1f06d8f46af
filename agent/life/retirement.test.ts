import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createChanges } from '#common/changes.js';
import { createSilentLog } from '#common/log.js';
import { createFakeClock } from '#common/time/clock.js';
import { GateStatus, OnTimeout, Receipt, State, Target, type DrainRequest } from '#proto/gate/v1/gate.js';
import { settle } from '#test/support/settle.js';
import { createCordons, type Cordon } from '../gate/cordons.js';
import type { NodeWorker } from '../workers/node-worker.js';
import { retireWorker } from './retirement.js';

type Answer = (error: object | null, response?: object) => void;

const restart: Cordon = { restartUid: 'r', generation: 1, reason: '', untilMs: 3_600_000, draining: false };
const counts = { finished: 0, kept: 0, moved: 2, checkpointed: 0, forced: 0 };

/** A worker that retires, as its agent sees it. It answers at once, and a test says how its drains go. */
class Scene {
  readonly clock = createFakeClock();
  readonly changes = createChanges();
  readonly cordons = createCordons(this.clock, () => undefined);
  readonly told: string[] = [];
  readonly drains: { readonly request: DrainRequest; readonly call: EventEmitter }[] = [];
  readonly stops: number[] = [];
  readonly workers = new Set<NodeWorker>();
  readonly worker: NodeWorker;
  readonly ending = new AbortController();
  refusesToEnd = false;
  isCheckpointable = true;
  status = GateStatus.fromPartial({ state: State.SERVING, fencing: 5, sessions: 2 });

  constructor() {
    const answer =
      (what: string, make: () => object | undefined) =>
      (_request: unknown, _metadata: unknown, _options: unknown, done: Answer) => {
        this.told.push(what);
        const response = make();
        queueMicrotask(() => (response === undefined ? done({ code: 9, details: 'No.' }) : done(null, response)));
        return { cancel: () => undefined };
      };
    const gate = {
      cordon: answer('cordon', () => {
        this.set({ state: State.CORDONED, restartUid: 'retire-i-echo-1' });
        return { status: this.status };
      }),
      drain: (request: DrainRequest) => {
        const call = Object.assign(new EventEmitter(), { cancel: () => undefined });
        this.drains.push({ request, call });
        return call;
      },
    };
    const shutdown = (request: { readonly force: boolean }, ...rest: [unknown, unknown, Answer]) =>
      answer(`shutdown ${request.force ? 'with' : 'without'} force`, () => (this.refusesToEnd ? undefined : {}))(
        request,
        ...rest,
      );
    const clients = { gate, worker: { shutdown } };
    this.worker = {
      ...{ panel: { name: 'echo', target: 'agent' }, number: 1, stage: 'retiring', leaving: false },
      link: {
        state: () => ({ kind: 'up', about: { checkpointable: this.isCheckpointable }, status: this.status, clients }),
      },
      supervisor: {
        stop: (termMs: number) => Promise.resolve(this.stops.push(termMs)),
        status: () => ({ process: { pid: 1 }, message: '' }),
      },
    } as unknown as NodeWorker;
    this.workers.add(this.worker);
  }

  set(change: Partial<GateStatus>): void {
    this.status = { ...this.status, ...change };
    this.changes.notify();
  }

  retire() {
    const { clock, changes, cordons, workers } = this;
    const registry = {
      changes,
      workers: () => [...workers],
      remove: (worker: NodeWorker) => void workers.delete(worker),
    };
    const deps = { registry, cordons, clock, log: createSilentLog(), instance: 'i' };
    return retireWorker(deps, this.worker, this.ending.signal);
  }

  /** A drain gives its receipt. */
  async drained(index = 0): Promise<void> {
    const call = this.drains[index]!.call;
    this.set({ state: State.CLOSED, restartUid: this.drains[index]!.request.command!.restartUid, sessions: 0 });
    const receipt = Receipt.fromPartial({ restartUid: 'retire-i-echo-1', counts });
    call.emit('data', { status: this.status, receipt });
    call.emit('end');
    await settle();
  }

  /** Its process ends. */
  async gone(): Promise<void> {
    this.worker.stage = 'gone';
    this.changes.notify();
    await settle();
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle();
  }
}

describe('a worker that retires', () => {
  test('is drained without an end by force, and then told to end, without force', async () => {
    const scene = new Scene();
    const retired = scene.retire();
    await settle();
    expect(scene.drains[0]?.request).toMatchObject({
      command: { restartUid: 'retire-i-echo-1', fencing: 5 },
      ...{ target: Target.AGENT, onTimeout: OnTimeout.WAIT, lease: { seconds: 60 } },
    });
    expect(scene.told).toEqual([]);
    await scene.drained();
    expect(scene.told).toEqual(['shutdown without force']);
    await scene.gone();
    expect((await retired).counts).toMatchObject({ moved: 2 });
    expect([scene.stops, scene.clock.pending()]).toEqual([[], 0]);
  });

  test('goes on with the drain that an agent before has begun', async () => {
    const scene = new Scene();
    scene.set({ state: State.NOTIFIED, restartUid: 'retire-before-echo-1' });
    void scene.retire().catch(() => undefined);
    await settle();
    expect(scene.drains[0]?.request.command?.restartUid).toBe('retire-before-echo-1');
  });

  test('is only cordoned while it has sessions that cannot be written down, for days, and its lease renewed', async () => {
    const scene = new Scene();
    scene.isCheckpointable = false;
    const retired = scene.retire();
    await settle();
    expect([scene.told, scene.drains]).toEqual([['cordon'], []]);
    for (let passed = 0; passed < 6; passed += 1) await scene.pass(20_000);
    expect(scene.told).toHaveLength(7);
    expect(scene.drains).toEqual([]);
    scene.set({ sessions: 0 });
    await settle();
    expect(scene.drains).toHaveLength(1);
    await scene.drained();
    await scene.gone();
    await retired;
    expect(scene.clock.pending()).toBe(0);
  });

  test('waits for a restart of the node, which drains it itself, and goes on after it', async () => {
    const scene = new Scene();
    scene.cordons.set(Target.AGENT, restart);
    void scene.retire().catch(() => undefined);
    await scene.pass(60_000);
    expect([scene.told, scene.drains]).toEqual([[], []]);
    scene.cordons.clear(Target.AGENT);
    scene.changes.notify();
    await settle();
    expect(scene.drains).toHaveLength(1);
  });

  test('is taken back by a restart of the node while its sessions are waited for, and retires again after it', async () => {
    const scene = new Scene();
    scene.isCheckpointable = false;
    void scene.retire().catch(() => undefined);
    await settle();
    scene.cordons.set(Target.AGENT, restart);
    scene.set({ state: State.SERVING, restartUid: '', sessions: 0 });
    await settle();
    await scene.pass(60_000);
    expect([scene.told, scene.drains]).toEqual([['cordon'], []]);
    scene.cordons.clear(Target.AGENT);
    scene.changes.notify();
    await settle();
    expect(scene.told).toEqual(['cordon', 'cordon']);
  });

  test('is drained again after a second where it has sessions after all, or its drain was called off', async () => {
    const scene = new Scene();
    scene.refusesToEnd = true;
    void scene.retire().catch(() => undefined);
    await settle();
    await scene.drained();
    await scene.pass(999);
    expect(scene.drains).toHaveLength(1);
    await scene.pass(1);
    expect(scene.drains).toHaveLength(2);
    scene.set({ state: State.SERVING, restartUid: '' });
    scene.drains[1]!.call.emit('data', { status: scene.status, receipt: undefined });
    scene.drains[1]!.call.emit('end');
    await settle();
    await scene.pass(1_000);
    expect(scene.drains).toHaveLength(3);
    expect(scene.workers.size).toBe(1);
  });

  test('is ended by signal where it does not end after its receipt', async () => {
    const scene = new Scene();
    const retired = scene.retire();
    await settle();
    await scene.drained();
    await scene.pass(14_999);
    expect(scene.stops).toEqual([]);
    await scene.pass(1);
    expect((await retired).counts).toMatchObject({ moved: 2 });
    expect([scene.stops.length, scene.worker.stage, scene.workers.size]).toEqual([1, 'gone', 0]);
    expect(scene.clock.pending()).toBe(0);
  });

  test('has no counts where it has ended by itself', async () => {
    const scene = new Scene();
    const retired = scene.retire();
    await settle();
    scene.workers.clear();
    scene.drains[0]!.call.emit('error', Object.assign(new Error('lost'), { code: 14 }));
    await scene.gone();
    await scene.pass(1_000);
    expect(await retired).toEqual({ counts: undefined });
  });

  test('is left as it is when the agent ends', async () => {
    const scene = new Scene();
    const retired = scene.retire();
    await settle();
    scene.ending.abort(new Error('The agent ends.'));
    await expect(retired).rejects.toThrow('The agent ends.');
    expect([scene.told, scene.stops, scene.clock.pending()]).toEqual([[], [], 0]);
  });
});
