import type { DrainPhase } from '#proto/session/v1/session.js';
import { AttachMode, Channel, Frames, ResumeOutcome } from '#proto/session/v1/session.js';
import { createClientLink, type ClientEffect, type ClientLink, type Loss } from '../client/client-link.js';
import type { InputItem } from '../endpoint/endpoint.js';
import { must } from './config.js';
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
  phase: 'on' | 'superseded' | 'failed' | 'ended';
  rpc: Rpc | undefined;
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
export function createClientActor(name: string, resumeToken?: Uint8Array): ClientActor {
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
    phase: 'on',
    rpc: undefined,
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

/** Sends everything that may be sent. */
export function pumpClient(actor: ClientActor, rpcs: Rpcs): void {
  const { rpc, link } = actor;
  if (rpc?.clientOpen !== true || !link.attached) return;
  for (let message = link.endpoint.pull(true); message !== undefined; message = link.endpoint.pull(true)) {
    rpcs.toWorker(rpc, message);
  }
}

/** Takes the next message of the worker. */
export function deliverToClient(actor: ClientActor, bytes: Uint8Array): void {
  const before = actor.link.endpoint.cursors;
  const wasAttached = actor.link.attached;
  const effects = actor.link.receive(Frames.decode(bytes));
  const isReset = effects.some((effect) => effect.kind === 'welcomed' && effect.reset);
  must(!isReset || tellsAll(actor, effects), 'a loss was not told');
  for (const effect of effects) takeEffect(actor, effect);
  const after = actor.link.endpoint.cursors;
  must(!wasAttached || after.nextRx >= before.nextRx, 'I8 a cursor of the client fell');
  must(!wasAttached || after.txBase >= before.txBase, 'I8 the base of the client fell');
  const { endpoint } = actor.link;
  for (let item = endpoint.read(); item !== undefined; item = endpoint.read()) see(actor, item);
}

function tellsAll(actor: ClientActor, effects: readonly ClientEffect[]): boolean {
  const lost = effects.find((effect) => effect.kind === 'lost')?.loss;
  const lastSeen = actor.seen.at(-1)?.seq ?? 0;
  return (lost?.input?.through ?? 0) === actor.wrote.length && lost?.output?.from === lastSeen + 1;
}

function takeEffect(actor: ClientActor, effect: ClientEffect): void {
  switch (effect.kind) {
    case 'welcomed':
      must(effect.attachEpoch > actor.epoch, 'I6 the epoch did not rise');
      actor.epoch = effect.attachEpoch;
      if (effect.outcome !== ResumeOutcome.EXACT || actor.numberedSince === 0) {
        actor.numberedSince = effect.incarnation;
        actor.seen = [];
      }
      if (effect.reset) actor.wrote = [];
      return;
    case 'lost':
      actor.losses.push(effect.loss);
      return;
    case 'drain':
      actor.drainPhase = effect.drain.phase;
      return;
    case 'snapshot':
    case 'detach':
    case 'send':
    case 'pong':
      return;
  }
}

function see(actor: ClientActor, item: InputItem): void {
  must(item.kind === 'data', 'the client got something that nobody wrote');
  if (item.kind === 'data') actor.seen.push({ seq: item.seq, text: Buffer.from(item.payload).toString() });
}

/** The client learns that its attachment has ended. */
export function endClient(actor: ClientActor, rpc: Rpc): void {
  rpc.clientOpen = false;
  rpc.toClient.length = 0;
  actor.rpc = undefined;
  actor.drainPhase = undefined;
  const next = actor.link.ended(rpc.end ?? { kind: 'transport' });
  if (next.kind === 'reattach') return;
  actor.phase = next.kind;
  actor.failure = `${next.kind === 'superseded' ? '' : (next.code ?? '')} ${next.message}`;
}
