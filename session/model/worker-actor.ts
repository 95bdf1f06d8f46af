import { Channel, DrainPhase, Frames, SessionFate, type Frame, type Hello } from '#proto/session/v1/session.js';
import { supersededMessage } from '../messages/detach-message.js';
import {
  decideAttach,
  rememberedAttempts,
  type Admitted,
  type RefuseDecision,
  type SessionView,
} from '../worker/admission.js';
import type { InputItem } from '../endpoint/endpoint.js';
import { verifyResumeToken } from '../worker/resume-token.js';
import { decodeWorkerLinkState, encodeWorkerLinkState } from '../worker/worker-link-codec.js';
import {
  createWorkerLink,
  restoreWorkerLink,
  type SessionIdentity,
  type WorkerLink,
  type WorkerLinkOptions,
} from '../worker/worker-link.js';
import { modelSessionId } from './client-actor.js';
import { must, type Mistakes, type ModelConfig } from './config.js';
import type { Rpc, Rpcs } from './rpc.js';
import { countUse, seal, storedView, type PanelState, type Sealing, type Storage } from './storage.js';
import { tinyLimits } from './wire-end.js';

/** Where the drain of the model's worker is. */
export type ModelDrainState = 'serving' | 'cordoned' | 'frozen' | 'sealed' | 'released';

/** The worker of the model: the real link and admission, with a panel and a disk as small as can be. */
export interface WorkerActor {
  up: boolean;
  link: WorkerLink | undefined;
  panel: PanelState;
  drain: ModelDrainState;
  /** Sessions opened while cordoned. */
  openedUnderCordon: number;
  /** Times that a session died without a checkpoint. */
  crashes: number;
  /** True when memory holds more than the disk (with `durable`). */
  dirty: boolean;
  /** Nonces of the attempts that were let in, in order, as far as the session remembers. */
  letIn: readonly string[];
}

/** What the worker of the model works with. */
export interface WorkerWorld {
  readonly config: ModelConfig;
  readonly worker: WorkerActor;
  readonly storage: Storage;
  readonly rpcs: Rpcs;
}

/** Who owns the session of the model. */
export const modelIdentity: SessionIdentity = {
  sessionId: modelSessionId,
  panel: 'echo',
  owner: 'alice',
  tokenKey: Buffer.alloc(32, 7),
};

const linkOptions: WorkerLinkOptions = { identity: modelIdentity, resumeTtlMs: 1000, limits: tinyLimits };
const emptyPanel: PanelState = { consumed: [], emitted: [] };

/** A worker that is up and has no session. */
export function createWorkerActor(): WorkerActor {
  return {
    up: true,
    link: undefined,
    panel: emptyPanel,
    drain: 'serving',
    openedUnderCordon: 0,
    crashes: 0,
    dirty: false,
    letIn: [],
  };
}

/** What an input of the model says; inputs that waited together come together. */
export function textsOf(item: InputItem): string[] {
  if (item.kind === 'data') return Buffer.from(item.payload).toString().match(/../g) ?? [];
  return item.kind === 'event' && item.event.kind?.$case === 'signal' ? [item.event.kind.value.name] : [];
}

/** The panel takes input into its state and answers it; the answer tells which life gave it. */
export function consume(world: WorkerWorld): void {
  const { worker } = world;
  const { link } = worker;
  const item = link?.endpoint.read();
  if (item === undefined || link === undefined) return;
  const texts = textsOf(item);
  const answers = texts.map((text) => `${text}@${link.incarnation}`);
  for (const answer of answers) link.endpoint.writeData(Channel.STDOUT, Buffer.from(answer));
  const { consumed, emitted } = worker.panel;
  worker.panel = { consumed: [...consumed, ...texts], emitted: [...emitted, ...answers] };
  worker.dirty = true;
}

/** Sends everything that may be sent. */
export function pumpWorker(world: WorkerWorld): void {
  const { worker, rpcs, config } = world;
  const { link } = worker;
  const rpc = rpcs.find(link?.attachment);
  if (link === undefined || rpc === undefined) return;
  if (config.durable === true && worker.dirty && config.mistakes?.eagerOutput !== true) return;
  for (let message = link.pull(rpc.id, true); message !== undefined; message = link.pull(rpc.id, true)) {
    send(world, rpc, message);
  }
}

function send(world: WorkerWorld, rpc: Rpc, message: Frames): void {
  world.rpcs.toClient(
    rpc,
    world.config.durable === true ? { ...message, ack: durableAck(world, message.ack) } : message,
  );
}

function durableAck({ storage }: WorkerWorld, ack: number): number {
  if (storage.sealed === undefined) return 0;
  return Math.min(ack, decodeWorkerLinkState(storage.sealed.link).endpoint.cursors.nextRx - 1);
}

function sealingOf({ panel, letIn }: WorkerActor, link: WorkerLink): Sealing {
  return { state: link.save(), panel, letIn };
}

/** Writes everything to disk (with `durable`). */
function writeDown({ worker, storage }: WorkerWorld): void {
  if (worker.link === undefined) return;
  seal(storage, sealingOf(worker, worker.link), {});
  worker.dirty = false;
}

/** Writes everything to disk, and tells the client (with `durable`). */
export function persist(world: WorkerWorld): void {
  const { worker, rpcs } = world;
  writeDown(world);
  if (worker.link === undefined) return;
  const rpc = rpcs.find(worker.link.attachment);
  if (rpc !== undefined) send(world, rpc, worker.link.endpoint.wrap([]));
}

/** How far a restore comes before the worker is killed. */
export type RestoreStop = 'claimed' | 'consumed';

/** Takes the next message of an RPC. `stop` ends a restore half way: the caller kills the worker then. */
export function deliverToWorker(world: WorkerWorld, rpc: Rpc, stop?: RestoreStop): void {
  const bytes = rpc.toWorker.shift();
  if (bytes === undefined) return;
  const message = Frames.decode(bytes);
  const first = message.frames[0]?.kind;
  if (first?.$case === 'hello') {
    takeHello(world, rpc, { message, hello: first.value, stop });
    return;
  }
  const { link } = world.worker;
  if (link === undefined) return;
  const { mistakes } = world.config;
  const from = mistakes?.noFence === true && link.attachment !== undefined ? link.attachment : rpc.id;
  const before = link.endpoint.cursors;
  const taken = mistakes?.noDedupe === true ? renumbered(message, before.nextRx) : message;
  link.receive(from, taken);
  const after = link.endpoint.cursors;
  must(after.nextRx >= before.nextRx && after.txBase >= before.txBase, 'I8 a cursor of the worker fell');
  if (after.nextRx > before.nextRx) world.worker.dirty = true;
}

interface HelloArrival {
  readonly message: Frames;
  readonly hello: Hello;
  readonly stop: RestoreStop | undefined;
}

function takeHello(world: WorkerWorld, rpc: Rpc, arrival: HelloArrival): void {
  const { worker, rpcs, storage } = world;
  const { hello } = arrival;
  const known = worker.link === undefined ? storedView(storage, modelIdentity) : worker.link.view();
  const token = verifyResumeToken(modelIdentity.tokenKey, modelSessionId, hello.resumeToken);
  const caller = { identity: 'alice', roles: ['client'], token };
  const gate = {
    admitsNew: worker.drain === 'serving',
    admitsAttach: worker.drain !== 'sealed' && worker.drain !== 'released',
  };
  const { mistakes = {} } = world.config;
  const understood = mistakes.exactCursors === true ? { ...hello, moves: false } : hello;
  const decision = decideAttach(mistaken(known, mistakes), understood, caller, gate);
  if (decision.kind === 'refuse') {
    refuse(world, rpc, decision);
    return;
  }
  must(rpc.client !== 'X', 'I12 a wrong token was let in');
  bringUp(world, decision, arrival);
  if (arrival.stop !== undefined || worker.link === undefined) return;
  letIn(worker, rpc.nonce);
  const fenced = decision.kind === 'open' || decision.kind === 'restore' ? undefined : rpcs.find(decision.fence);
  const messages = worker.link.attach({ attachment: rpc.id, decision, hello, message: arrival.message });
  if (fenced !== undefined && fenced !== rpc && mistakes.noFence !== true) {
    rpcs.toClient(fenced, supersededMessage(hello.attachNonce, ''));
    rpcs.endAtWorker(fenced, { kind: 'ok' });
  }
  if (world.config.durable === true) writeDown(world);
  for (const message of messages) {
    send(world, rpc, mistakes.noDedupe === true ? repeating(message, hello) : message);
  }
}

function letIn(worker: WorkerActor, nonce: string): void {
  if (worker.letIn.at(-1) === nonce) return;
  must(!worker.letIn.includes(nonce), 'R7a an earlier attempt took over from a later one');
  worker.letIn = [...worker.letIn, nonce].slice(-rememberedAttempts);
}

/** What a worker makes of what it knows, with the mistakes asked for. */
function mistaken(view: SessionView | undefined, mistakes: Mistakes): SessionView | undefined {
  if (view === undefined || !('earlierAttempts' in view.life)) return view;
  const { life } = view;
  const heldFromSeq = mistakes.resetsAcknowledged === true ? Infinity : life.heldFromSeq;
  const earlierAttempts = mistakes.forgetsNonces === true ? [] : life.earlierAttempts;
  return { ...view, life: { ...life, heldFromSeq, earlierAttempts } };
}

function refuse(world: WorkerWorld, rpc: Rpc, decision: RefuseDecision): void {
  const { worker, rpcs, config } = world;
  const before = printOf(worker);
  if (config.mistakes?.fencesUnverified === true && worker.link?.attachment !== undefined) {
    worker.link.detach(worker.link.attachment);
  }
  must(printOf(worker) === before, 'I18 a Hello that was refused has touched something');
  if (rpc.clientOpen) checkRefusal(world, rpc, decision);
  rpcs.endAtWorker(rpc, { ...decision, kind: 'refused' });
}

function checkRefusal({ worker, config }: WorkerWorld, rpc: Rpc, { code }: RefuseDecision): void {
  const isByHolder = worker.link?.view().clientId === rpc.client;
  const isStopped = code === 'FENCED' || code === 'ATTACH_SUPERSEDED';
  must(!isStopped || !isByHolder, 'I17 a client is stopped by its own attachment');
  const isExcused = config.mistakes?.ignoresStaleness === true;
  must(code !== 'SESSION_LOST' || isExcused, 'I16 a session that is there is called lost');
}

function printOf({ link, drain }: WorkerActor): string {
  const state = link === undefined ? '' : Buffer.from(encodeWorkerLinkState(link.save())).toString('base64');
  return [drain, link?.attachment ?? '', state].join(' ');
}

function bringUp(world: WorkerWorld, decision: Admitted, arrival: HelloArrival): void {
  const { worker, storage, config } = world;
  if (decision.kind === 'open') {
    if (worker.drain !== 'serving') worker.openedUnderCordon += 1;
    storage.record = { claimed: 1, clientId: arrival.hello.clientId };
    worker.link = createWorkerLink(linkOptions, 1);
    worker.panel = emptyPanel;
  }
  if (decision.kind !== 'restore') return;
  if (storage.record !== undefined) storage.record.claimed = decision.incarnation;
  if (arrival.stop === 'claimed') return;
  const checkpoint = storage.sealed;
  if (config.durable !== true) {
    countUse(storage, config.mistakes);
    storage.sealed = undefined;
  }
  if (arrival.stop === 'consumed') return;
  if (checkpoint === undefined) {
    worker.link = createWorkerLink(linkOptions, decision.incarnation);
    worker.panel = emptyPanel;
  } else {
    worker.link = restoreWorkerLink(linkOptions, decodeWorkerLinkState(checkpoint.link), decision.incarnation);
    worker.panel = checkpoint.panel;
    worker.letIn = checkpoint.letIn;
  }
}

// The mistake noDedupe: a Welcome that asks for everything again, and a worker that takes it as new.
function repeating(message: Frames, hello: Hello): Frames {
  const frames = message.frames.map((frame): Frame => {
    if (frame.kind?.$case !== 'welcome' || hello.incarnation === 0) return frame;
    return { seq: 0, kind: { $case: 'welcome', value: { ...frame.kind.value, nextRx: hello.txBase } } };
  });
  return { ...message, ack: hello.txBase - 1, frames };
}

function renumbered(message: Frames, nextRx: number): Frames {
  const numbered = message.frames.filter((frame) => frame.seq > 0);
  return { ...message, frames: numbered.map((frame, index) => ({ ...frame, seq: nextRx + index })) };
}

/** One step of the drain forward. */
export function advanceDrain(world: WorkerWorld): void {
  const { worker, storage, rpcs, config } = world;
  switch (worker.drain) {
    case 'serving':
      worker.drain = 'cordoned';
      return;
    case 'cordoned':
      worker.link?.endpoint.freeze();
      worker.drain = 'frozen';
      return;
    case 'frozen':
      if (worker.link !== undefined) seal(storage, sealingOf(worker, worker.link), config.mistakes ?? {});
      worker.drain = 'sealed';
      return;
    case 'sealed': {
      const rpc = rpcs.find(worker.link?.attachment);
      if (worker.link !== undefined && rpc !== undefined) {
        rpcs.toClient(rpc, worker.link.drainMessage(readyDrain));
        rpcs.endAtWorker(rpc, { kind: 'ok' });
        worker.link.detach(rpc.id);
      }
      worker.drain = 'released';
      return;
    }
    case 'released':
      return;
  }
}

const readyDrain = {
  generation: 1,
  phase: DrainPhase.READY,
  remaining: undefined,
  reason: 'restart',
  fate: SessionFate.CHECKPOINTED,
  node: '',
  retryAfter: undefined,
};

/**
 * Calls the drain off: the checkpoint counts as used before anything is accepted again. That of a session which is not in
 * memory describes it still, and stays.
 */
export function thaw(world: WorkerWorld): void {
  const { worker, storage, config } = world;
  worker.drain = 'serving';
  if (worker.link === undefined) return;
  countUse(storage, config.mistakes);
  if (config.mistakes?.checkpointSurvivesThaw !== true) storage.sealed = undefined;
  worker.link.endpoint.thaw();
}

/** The process is gone, with everything in its memory. */
export function killWorker(world: WorkerWorld): void {
  const { worker, rpcs, storage } = world;
  const { openedUnderCordon } = worker;
  const crashes = worker.crashes + (storage.record !== undefined && storage.sealed === undefined ? 1 : 0);
  Object.assign(worker, createWorkerActor(), { up: false, openedUnderCordon, crashes });
  for (const rpc of rpcs.all) rpcs.endAtWorker(rpc, { kind: 'transport' });
}
