import {
  createClientActor,
  deliverToClient,
  endClient,
  pumpClient,
  writeNext,
  type ClientActor,
} from './client-actor.js';
import type { ModelConfig } from './config.js';
import { fingerprintOf } from './fingerprint.js';
import { checkComplete, checkInvariants } from './invariants.js';
import { FoundActions, type ModelAction } from './model-action.js';
import { createRpcs, type Rpc } from './rpc.js';
import { createStorage } from './storage.js';
import {
  advanceDrain,
  consume,
  createWorkerActor,
  deliverToWorker,
  killWorker,
  modelIdentity,
  persist,
  pumpWorker,
  thaw,
  type RestoreStop,
  type WorkerWorld,
} from './worker-actor.js';
import { mintResumeToken } from '../worker/resume-token.js';

const restoreStops: readonly RestoreStop[] = ['claimed', 'consumed'];

/** Clients, a worker, its disk and the messages between them, all driven by the real engine. */
export class ModelWorld {
  readonly #world: WorkerWorld;
  readonly #clients: ClientActor[];
  /** How often each of these may still happen. */
  readonly #left;

  /** A world before anything happened. */
  constructor(config: ModelConfig) {
    this.#world = { config, worker: createWorkerActor(), storage: createStorage(), rpcs: createRpcs() };
    this.#clients = [createClientActor('A', config.mistakes ?? {})];
    this.#left = {
      cuts: config.cuts ?? 0,
      kills: config.kills ?? 0,
      drains: config.drains ?? 0,
      thaws: config.thaws ?? 0,
      intruders: config.intruders ?? 0,
      moves: config.moves ?? 0,
      repeats: config.repeats ?? 0,
    };
  }

  /** What can happen now, in a fixed order. */
  actions(): ModelAction[] {
    return [
      ...this.#clients.flatMap((client) => this.#clientActions(client)),
      ...this.#world.rpcs.all.flatMap((rpc) => this.#rpcActions(rpc)),
      ...this.#workerActions(),
      ...this.#takeoverAction(),
    ];
  }

  /** Does one of them, and lets everybody send what may be sent. @throws Violation */
  run(action: ModelAction): void {
    const { rpcs } = this.#world;
    action.run();
    for (const client of this.#clients) pumpClient(client, rpcs);
    pumpWorker(this.#world);
    rpcs.sweep();
  }

  /** Checks every rule that holds between two steps. @throws Violation */
  check(): void {
    checkInvariants(this.#world, this.#clients);
  }

  /** Everything that the future depends on. */
  fingerprint(): string {
    return fingerprintOf(this.#world, this.#clients, this.#left);
  }

  /** The rules of the end, when nothing friendly can happen any more. @throws Violation */
  checkEnd(): void {
    checkComplete(this.#world, this.#clients);
  }

  #clientActions(actor: ClientActor): ModelAction[] {
    const { rpcs, name, phase, link } = actor;
    if (phase !== 'on') return [];
    const found = new FoundActions(name);
    if (actor.writes < this.#inputsOf(actor)) found.add('writes', () => writeNext(actor));
    const { up } = this.#world.worker;
    if (rpcs.length === 0 && up) found.add('attaches', () => this.#attach(actor, false));
    if (rpcs.length === 1 && up && link.attached && this.#left.moves > 0) {
      found.addAdverse('opens another attachment', () => this.#move(actor));
    }
    for (const rpc of rpcs) this.#findAttached(actor, rpc, found);
    return found.all;
  }

  #findAttached(actor: ClientActor, rpc: Rpc, found: FoundActions): void {
    const { end, id } = rpc;
    if (rpc.toClient.length > 0) found.add(`receives over ${id}`, () => deliverToClient(actor, rpc));
    else if (end !== undefined) found.add(`learns the end of ${id}`, () => endClient(actor, rpc, end));
    if (this.#left.cuts > 0) found.addAdverse(`is cut off ${id}`, () => this.#cut(actor, rpc));
  }

  #rpcActions(rpc: Rpc): ModelAction[] {
    const { worker, storage } = this.#world;
    if (!worker.up || !rpc.workerOpen) return [];
    const found = new FoundActions('worker');
    const isReading = worker.drain !== 'sealed' || rpc.id !== worker.link?.attachment;
    if (rpc.toWorker.length > 0 && isReading) {
      found.add(`receives of ${rpc.id}`, () => deliverToWorker(this.#world, rpc));
      if (this.#left.kills > 0 && worker.link === undefined && storage.record !== undefined) {
        for (const stop of restoreStops) {
          const what = `is killed when the incarnation is ${stop} for ${rpc.id}`;
          found.addAdverse(what, () => this.#killInRestore(rpc, stop));
        }
      }
    }
    if (!rpc.clientOpen) found.add(`notices the cut of ${rpc.id}`, () => this.#notice(rpc));
    // It did not hear how the first one fared.
    if (this.#left.repeats > 0 && !rpc.toWorker.includes(rpc.hello))
      found.addAdverse(`is to hear the Hello of ${rpc.id} again`, () => this.#repeat(rpc));
    return found.all;
  }

  #workerActions(): ModelAction[] {
    const world = this.#world;
    const { config, worker, storage } = world;
    const left = this.#left;
    const found = new FoundActions('worker');
    if (!worker.up) {
      found.add('starts', () => void (worker.up = true));
      return found.all;
    }
    const isRunning = worker.drain === 'serving' || worker.drain === 'cordoned';
    if (isRunning && (worker.link?.endpoint.unreadCount() ?? 0) > 0) found.add('consumes', () => consume(world));
    if (config.durable === true && worker.dirty) found.add('persists', () => persist(world));
    if (worker.drain === 'released') found.add('exits', () => killWorker(world));
    else if (worker.drain !== 'serving') found.add(`goes on from ${worker.drain}`, () => advanceDrain(world));
    else if (left.drains > 0) found.addAdverse('is cordoned', () => this.#drain());
    if (worker.drain !== 'serving' && left.thaws > 0) {
      found.addAdverse(`thaws ${worker.drain}`, () => this.#undoDrain());
    }
    if (left.kills > 0) found.addAdverse('is killed', () => this.#kill());
    if (left.intruders > 0 && storage.record !== undefined) {
      found.addAdverse('meets an intruder', () => this.#intrude());
    }
    return found.all;
  }

  // The second client comes with the token of the first, as soon as there is one.
  #takeoverAction(): ModelAction[] {
    const [first, second] = this.#clients;
    if (second !== undefined || this.#world.config.takeoverInputs === undefined || first === undefined) return [];
    if (first.link.resumeToken.length === 0) return [];
    const { mistakes, link } = first;
    const run = (): void => void this.#clients.push(createClientActor('B', mistakes, link.resumeToken));
    return [{ name: 'B gets the token', run, isAdverse: true }];
  }

  #inputsOf(actor: ClientActor): number {
    const { inputs, takeoverInputs = 0 } = this.#world.config;
    return actor.name === 'A' ? inputs : takeoverInputs;
  }

  #attach(actor: ClientActor, moves: boolean): void {
    const nonce = this.#freeNonce(actor.name);
    const rpc = this.#world.rpcs.open(actor.name, nonce, actor.link.hello(nonce, { moves }));
    actor.rpcs = [...actor.rpcs, rpc];
  }

  #move(actor: ClientActor): void {
    this.#left.moves -= 1;
    this.#attach(actor, true);
  }

  #repeat(rpc: Rpc): void {
    this.#left.repeats -= 1;
    this.#world.rpcs.repeat(rpc);
  }

  // A nonce that nobody has seen may be used again, so that equal situations look equal.
  #freeNonce(name: string): string {
    const { rpcs, worker, storage } = this.#world;
    const letIn = [...worker.letIn, ...(storage.sealed?.letIn ?? [])];
    const isTaken = (nonce: string): boolean => rpcs.all.some((rpc) => rpc.nonce === nonce) || letIn.includes(nonce);
    let number = 1;
    while (isTaken(`${name}${number}`)) number += 1;
    return `${name}${number}`;
  }

  #cut(actor: ClientActor, rpc: Rpc): void {
    this.#left.cuts -= 1;
    endClient(actor, rpc, rpc.end ?? { kind: 'transport' });
  }

  #notice(rpc: Rpc): void {
    this.#world.rpcs.endAtWorker(rpc, { kind: 'transport' });
    this.#world.worker.link?.detach(rpc.id);
  }

  #kill(): void {
    this.#left.kills -= 1;
    killWorker(this.#world);
  }

  #killInRestore(rpc: Rpc, stop: RestoreStop): void {
    deliverToWorker(this.#world, rpc, stop);
    this.#kill();
  }

  #drain(): void {
    this.#left.drains -= 1;
    advanceDrain(this.#world);
  }

  #undoDrain(): void {
    this.#left.thaws -= 1;
    thaw(this.#world);
  }

  #intrude(): void {
    this.#left.intruders -= 1;
    const wrongKey = Buffer.alloc(32, 8);
    const epoch = this.#world.worker.link?.attachEpoch ?? 1;
    const intruder = createClientActor('X', {}, mintResumeToken(wrongKey, modelIdentity.sessionId, epoch));
    this.#attach(intruder, false);
    const [rpc] = intruder.rpcs;
    if (rpc === undefined) return;
    deliverToWorker(this.#world, rpc);
    rpc.clientOpen = false;
  }
}
