import { DrainPhase } from '#proto/session/v1/session.js';
import {
  createClientActor,
  deliverToClient,
  endClient,
  pumpClient,
  writeNext,
  type ClientActor,
} from './client-actor.js';
import type { ModelConfig } from './config.js';
import { checkComplete, checkInvariants } from './invariants.js';
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
  type WorkerWorld,
} from './worker-actor.js';
import { mintResumeToken } from '../worker/resume-token.js';
import { encodeWorkerLinkState } from '../worker/worker-link-codec.js';

/** One thing that can happen. */
export interface ModelAction {
  readonly name: string;
  /** True for what a friendly world would not do: cuts, kills, restarts, intruders. */
  readonly isAdverse: boolean;
  run(): void;
}

/** Clients, a worker, its disk and the messages between them, all driven by the real engine. */
export interface ModelWorld {
  /** What can happen now, in a fixed order. */
  actions(): ModelAction[];
  /** Does one of them, and lets everybody send what may be sent. @throws Violation */
  run(action: ModelAction): void;
  /** Checks every rule that holds between two steps. @throws Violation */
  check(): void;
  /** Everything that the future depends on. */
  fingerprint(): string;
  /** The rules of the end, when nothing friendly can happen any more. @throws Violation */
  checkEnd(): void;
}

/** A world before anything happened. */
export function createWorld(config: ModelConfig): ModelWorld {
  const world: WorkerWorld = { config, worker: createWorkerActor(), storage: createStorage(), rpcs: createRpcs() };
  const { worker, storage, rpcs } = world;
  const clients = [createClientActor('A')];
  const left = {
    cuts: config.cuts ?? 0,
    kills: config.kills ?? 0,
    drains: config.drains ?? 0,
    thaws: config.thaws ?? 0,
    intruders: config.intruders ?? 0,
  };
  const inputsOf = (actor: ClientActor): number => (actor.name === 'A' ? config.inputs : (config.takeoverInputs ?? 0));

  const freeNonce = (name: string): string => {
    const isTaken = (nonce: string): boolean =>
      rpcs.all.some((rpc) => rpc.nonce === nonce) || worker.link?.view().attachNonce === nonce;
    let number = 1;
    while (isTaken(`${name}${number}`)) number += 1;
    return `${name}${number}`;
  };
  const attach = (actor: ClientActor): void => {
    const nonce = freeNonce(actor.name);
    actor.rpc = rpcs.open(actor.name, nonce, actor.link.hello(nonce));
  };
  const cut = (rpc: Rpc): void => {
    const actor = clients.find((client) => client.rpc === rpc);
    left.cuts -= 1;
    if (actor !== undefined) endClient(actor, rpc);
  };
  const notice = (rpc: Rpc): void => {
    rpcs.endAtWorker(rpc, { kind: 'transport' });
    worker.link?.detach(rpc.id);
  };

  const clientActions = (actor: ClientActor): ModelAction[] => {
    const { rpc, name } = actor;
    if (actor.phase !== 'on') return [];
    const found: ModelAction[] = [];
    const add = (what: string, run: () => void, isAdverse = false): void =>
      void found.push({ name: `${name} ${what}`, run, isAdverse });
    if (actor.writes < inputsOf(actor)) add('writes', () => writeNext(actor));
    if (rpc === undefined) {
      if (worker.up) add('attaches', () => attach(actor));
      return found;
    }
    const [message] = rpc.toClient;
    if (message !== undefined) add('receives', () => deliverToClient(actor, rpc.toClient.shift() ?? message));
    else if (rpc.end !== undefined) add('learns the end', () => endClient(actor, rpc));
    if (left.cuts > 0) add('is cut off', () => cut(rpc), true);
    return found;
  };

  const rpcActions = (rpc: Rpc): ModelAction[] => {
    if (!worker.up || !rpc.workerOpen) return [];
    const found: ModelAction[] = [];
    const add = (what: string, run: () => void, isAdverse = false): void =>
      void found.push({ name: `worker ${what} ${rpc.id}`, run, isAdverse });
    const isReading = worker.drain !== 'sealed' || rpc.id !== worker.link?.attachment;
    if (rpc.toWorker.length > 0 && isReading) {
      add('receives of', () => deliverToWorker(world, rpc));
      if (left.kills > 0 && worker.link === undefined && storage.record !== undefined) {
        for (const stop of ['claimed', 'consumed'] as const) {
          const run = (): void => {
            deliverToWorker(world, rpc, stop);
            kill();
          };
          add(`is killed when the incarnation is ${stop} for`, run, true);
        }
      }
    }
    if (!rpc.clientOpen) add('notices the cut of', () => notice(rpc));
    return found;
  };

  const kill = (): void => {
    left.kills -= 1;
    killWorker(world);
  };

  const workerActions = (): ModelAction[] => {
    const found: ModelAction[] = [];
    const add = (what: string, run: () => void, isAdverse = false): void =>
      void found.push({ name: `worker ${what}`, run, isAdverse });
    if (!worker.up) {
      add('starts', () => void (worker.up = true));
      return found;
    }
    const isRunning = worker.drain === 'serving' || worker.drain === 'cordoned';
    if (isRunning && (worker.link?.endpoint.unreadCount() ?? 0) > 0) add('consumes', () => consume(world));
    if (config.durable === true && worker.dirty) add('persists', () => persist(world));
    if (worker.drain === 'released') add('exits', () => killWorker(world));
    else if (worker.drain !== 'serving') add(`goes on from ${worker.drain}`, () => advanceDrain(world));
    else if (left.drains > 0) add('is cordoned', () => drain(), true);
    if (worker.drain !== 'serving' && left.thaws > 0) add(`thaws ${worker.drain}`, () => undoDrain(), true);
    if (left.kills > 0) add('is killed', kill, true);
    if (left.intruders > 0 && storage.record !== undefined) add('meets an intruder', intrude, true);
    return found;
  };
  const drain = (): void => {
    left.drains -= 1;
    advanceDrain(world);
  };
  const undoDrain = (): void => {
    left.thaws -= 1;
    thaw(world);
  };
  const intrude = (): void => {
    left.intruders -= 1;
    const wrongKey = Buffer.alloc(32, 8);
    const epoch = worker.link?.attachEpoch ?? 1;
    const intruder = createClientActor('X', mintResumeToken(wrongKey, modelIdentity.sessionId, epoch));
    attach(intruder);
    const rpc = intruder.rpc;
    if (rpc === undefined) return;
    deliverToWorker(world, rpc);
    rpc.clientOpen = false;
  };

  // The second client comes with the token of the first, as soon as there is one.
  const takeoverAction = (): ModelAction[] => {
    const [first, second] = clients;
    if (second !== undefined || config.takeoverInputs === undefined || first === undefined) return [];
    if (first.link.resumeToken.length === 0) return [];
    const run = (): void => void clients.push(createClientActor('B', first.link.resumeToken));
    return [{ name: 'B gets the token', run, isAdverse: true }];
  };

  return {
    actions: () => [
      ...clients.flatMap(clientActions),
      ...rpcs.all.flatMap(rpcActions),
      ...workerActions(),
      ...takeoverAction(),
    ],
    run: (action) => {
      action.run();
      for (const client of clients) pumpClient(client, rpcs);
      pumpWorker(world);
      rpcs.sweep();
    },
    check: () => checkInvariants(world, clients),
    fingerprint: () =>
      JSON.stringify([
        clients.map(clientPrint),
        rpcs.all.map((rpc) => ({ ...rpc, toWorker: rpc.toWorker.map(base64), toClient: rpc.toClient.map(base64) })),
        { ...worker, link: worker.link && [worker.link.attachment, base64(encodeWorkerLinkState(worker.link.save()))] },
        [storage.record, storage.sealed && [base64(storage.sealed.link), storage.sealed.panel, isUsed()], left],
      ]),
    checkEnd: () => checkComplete(world, clients),
  };

  function isUsed(): boolean {
    return storage.sealed !== undefined && storage.used.has(storage.sealed.id);
  }
}

function clientPrint(actor: ClientActor): unknown {
  const { link, rpc, drainPhase, ...rest } = actor;
  const state = link.endpoint.save();
  return [
    rest,
    rpc?.id,
    drainPhase === DrainPhase.READY,
    [link.incarnation, link.attached, base64(link.resumeToken)],
    { ...state, unacked: state.unacked.map(base64), unread: state.unread.map(base64) },
  ];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
