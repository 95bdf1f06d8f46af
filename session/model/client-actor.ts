import { isPaneletError } from '#common/errors/errors.js';
import type { DrainPhase, Frame, Welcome } from '#proto/session/v1/session.js';
import { AttachMode, Channel, DetachReason, Frames, ResumeOutcome } from '#proto/session/v1/session.js';
import {
  createClientLink,
  type AttachmentEnd,
  type ClientEffect,
  type ClientLink,
  type Loss,
} from '../client/client-link.js';
import type { Cursors, InputItem } from '../endpoint/endpoint.js';
import { must, type Mistakes } from './config.js';
import type { Rpc, Rpcs } from './rpc.js';
import { tinyLimits } from './wire-end.js';

/** Output as a client has it. */
export interface Seen {
  readonly seq: number;
  readonly text: string;
}

/** A client of the model: the real link, and an application that writes and remembers. */
export interface ClientActor {
  readonly name: string;
  readonly link: ClientLink;
  readonly mistakes: Mistakes;
  phase: 'on' | 'superseded' | 'failed' | 'ended';
  /** Its attachments that have not ended, oldest first; two at most. */
  rpcs: readonly Rpc[];
  /** How the one ended that was current while another one waited for its Welcome. */
  undecided: string;
  /** Inputs written since numbering last started, in order. */
  wrote: string[];
  /** Inputs written in all. */
  writes: number;
  /** Output seen since numbering last started, in order. */
  seen: Seen[];
  /** Incarnation in which numbering last started; 0 before the first Welcome. */
  numberedSince: number;
  /** Epoch of the last Welcome. */
  epoch: number;
  /** Everything that was told lost. */
  readonly losses: Loss[];
  /** Phase of the last drain on this attachment. */
  drainPhase: DrainPhase | undefined;
  /** Why it failed. */
  failure: string;
}

/** Id of the one session of the model. */
export const modelSessionId = '00000000-0000-4000-8000-000000000001';

/** A client that has not attached. With a token it resumes, and takes over. */
export function createClientActor(name: string, mistakes: Mistakes, resumeToken?: Uint8Array): ClientActor {
  const link = createClientLink({
    panel: 'echo',
    sessionId: modelSessionId,
    clientId: name,
    mode: resumeToken === undefined ? AttachMode.OPEN : AttachMode.RESUME,
    takeover: resumeToken !== undefined,
    ...(resumeToken && { resumeToken }),
    limits: tinyLimits,
  });
  return {
    name,
    link,
    mistakes,
    phase: 'on',
    rpcs: [],
    undecided: '',
    wrote: [],
    writes: 0,
    seen: [],
    numberedSince: 0,
    epoch: 0,
    losses: [],
    drainPhase: undefined,
    failure: '',
  };
}

/** Writes the next input: data first, an event second, and so on. */
export function writeNext(actor: ClientActor): void {
  actor.writes += 1;
  const text = `${actor.name}${actor.writes}`;
  const { endpoint } = actor.link;
  if (actor.writes % 2 === 1) endpoint.writeData(Channel.STDIN, Buffer.from(text));
  else endpoint.writeEvent({ kind: { $case: 'signal', value: { name: text } } });
  actor.wrote.push(text);
}

/** The attachment that sends numbered frames. */
export function currentRpc({ rpcs, link }: ClientActor): Rpc | undefined {
  return rpcs.find(({ nonce }) => nonce === link.attachedAs);
}

/** Sends everything that may be sent. */
export function pumpClient(actor: ClientActor, rpcs: Rpcs): void {
  const { link, mistakes } = actor;
  const current = currentRpc(actor);
  const rpc = mistakes.sendsOverBoth === true ? actor.rpcs.at(-1) : current;
  if (current === undefined || rpc?.clientOpen !== true) return;
  for (let message = link.endpoint.pull(true); message !== undefined; message = link.endpoint.pull(true)) {
    rpcs.toWorker(rpc, message);
  }
}

/** Takes the next message of the worker. */
export function deliverToClient(actor: ClientActor, rpc: Rpc): void {
  const bytes = rpc.toClient.shift();
  if (bytes === undefined) return;
  const { link, mistakes } = actor;
  const { endpoint } = link;
  const before = endpoint.cursors;
  const message = Frames.decode(bytes);
  const taken = mistakes.trustsWelcome === true ? believed(message, before) : message;
  let effects: readonly ClientEffect[];
  try {
    effects = link.receive(taken, rpc.nonce);
  } catch (error) {
    if (!isPaneletError(error, 'SESSION_LOST') || mistakes.ignoresStaleness !== true) throw error;
    endClient(actor, rpc, { kind: 'refused', code: error.code, message: error.message });
    return;
  }
  const isReset = effects.some((effect) => effect.kind === 'welcomed' && effect.reset);
  must(!isReset || tellsAll(actor, effects), 'a loss was not told');
  for (const effect of effects) takeEffect(actor, rpc, { effect, before });
  const after = endpoint.cursors;
  must(after.nextRx >= before.nextRx, 'I8 a cursor of the client fell');
  must(after.txBase >= before.txBase, 'I8 the base of the client fell');
  for (let item = link.endpoint.read(); item !== undefined; item = link.endpoint.read()) see(actor, item);
}

// The mistake trustsWelcome: what the client has seen itself is not looked at.
function believed(message: Frames, { nextRx, txBase, txNext }: Cursors): Frames {
  const believe = (welcome: Welcome): Welcome => ({
    ...welcome,
    nextRx: Math.min(Math.max(welcome.nextRx, txBase), txNext),
    txBase: Math.min(welcome.txBase, nextRx),
    txNext: Math.max(welcome.txNext, nextRx),
  });
  const frames = message.frames.map((frame): Frame => {
    if (frame.kind?.$case !== 'welcome') return frame;
    return { ...frame, kind: { $case: 'welcome', value: believe(frame.kind.value) } };
  });
  return { ...message, frames };
}

function tellsAll(actor: ClientActor, effects: readonly ClientEffect[]): boolean {
  const lost = effects.find((effect) => effect.kind === 'lost')?.loss;
  const lastSeen = actor.seen.at(-1)?.seq ?? 0;
  return (lost?.input?.through ?? 0) === actor.wrote.length && lost?.output?.from === lastSeen + 1;
}

interface TakenEffect {
  readonly effect: ClientEffect;
  /** Cursors of the client before the message. */
  readonly before: Cursors;
}

function takeEffect(actor: ClientActor, rpc: Rpc, { effect, before }: TakenEffect): void {
  switch (effect.kind) {
    case 'welcomed':
      must(effect.attachEpoch > actor.epoch, 'I6 the epoch did not rise');
      actor.epoch = effect.attachEpoch;
      actor.undecided = '';
      if (effect.outcome !== ResumeOutcome.EXACT || actor.numberedSince === 0) {
        actor.numberedSince = effect.incarnation;
        actor.seen = [];
      }
      if (effect.reset) {
        actor.wrote = [];
        giveUpOthers(actor, rpc);
      }
      return;
    case 'lost': {
      const { code, output } = effect.loss;
      const isHere = code === 'REPLAY_PASSED' && (output?.through ?? 0) < before.nextRx;
      must(!isHere, 'I16 what has arrived is told lost');
      actor.losses.push(effect.loss);
      return;
    }
    case 'drain':
      actor.drainPhase = effect.drain.phase;
      return;
    case 'detach':
      if (effect.reason === DetachReason.SUPERSEDED) rpc.supersededBy = effect.attachNonce;
      return;
    case 'snapshot':
    case 'move':
    case 'send':
    case 'pong':
      return;
  }
}

// What is under way over the one before has numbers that are gone: the link does not take it any more.
function giveUpOthers(actor: ClientActor, rpc: Rpc): void {
  for (const other of actor.rpcs) if (other !== rpc) closeAtClient(actor, other);
}

function closeAtClient(actor: ClientActor, rpc: Rpc): void {
  rpc.clientOpen = false;
  rpc.toClient.length = 0;
  actor.rpcs = actor.rpcs.filter((other) => other !== rpc);
}

function see(actor: ClientActor, item: InputItem): void {
  must(item.kind === 'data', 'the client got something that nobody wrote');
  if (item.kind === 'data') actor.seen.push({ seq: item.seq, text: Buffer.from(item.payload).toString() });
}

/** The client learns that one of its attachments has ended, and how. */
export function endClient(actor: ClientActor, rpc: Rpc, end: AttachmentEnd): void {
  const { link, mistakes } = actor;
  const isCurrent = rpc.nonce === link.attachedAs;
  const isOwnTakeover = rpc.supersededBy.startsWith(actor.name);
  closeAtClient(actor, rpc);
  const next = link.ended(end, rpc.nonce);
  const stops = next?.kind === 'superseded' || (mistakes.stopsForItself === true && isOwnTakeover);
  must(!stops || !isOwnTakeover, 'I17 a client stops because of its own attachment');
  if (isCurrent) actor.undecided = next === undefined ? JSON.stringify([end, rpc.supersededBy, actor.drainPhase]) : '';
  if (isCurrent || next !== undefined) actor.drainPhase = undefined;
  if (next === undefined || next.kind === 'reattach') return;
  actor.phase = next.kind;
  actor.failure = `${next.kind === 'superseded' ? '' : (next.code ?? '')} ${next.message}`;
  for (const other of actor.rpcs) closeAtClient(actor, other);
}
