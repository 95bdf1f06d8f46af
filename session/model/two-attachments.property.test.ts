import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isPaneletError } from '#common/errors/errors.js';
import { AttachMode, Channel, DrainPhase, SessionFate, type Drain, type Frames } from '#proto/session/v1/session.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import type { AttachmentEnd, ClientLink } from '../client/client-link.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { supersededMessage } from '../messages/detach-message.js';
import { decideAttach } from '../worker/admission.js';
import { verifyResumeToken } from '../worker/resume-token.js';
import { decodeWorkerLinkState, encodeWorkerLinkState } from '../worker/worker-link-codec.js';
import { restoreWorkerLink, type WorkerLink } from '../worker/worker-link.js';
import { must } from './config.js';
import { talkClient, talkIdentity, talkOptions, talkWorker } from './conversation.js';
import { meaningOf, overTheWire, writeCounting } from './wire-end.js';

/** One RPC: what is under way, and who still knows of it. */
interface Way {
  readonly nonce: string;
  readonly hello: Frames;
  readonly toWorker: Frames[];
  readonly toClient: Frames[];
  clientOpen: boolean;
  workerOpen: boolean;
  end: AttachmentEnd;
}

/** One end, with what its owner wrote and read. */
interface Owner {
  readonly wrote: number[];
  readonly read: number[];
  bytes: number;
  events: number;
}

type Side = 'client' | 'worker';
type Op =
  | { readonly op: 'write' | 'event' | 'pull' | 'read'; readonly side: Side; readonly size: number }
  | { readonly op: 'deliver'; readonly to: Side; readonly way: number; readonly size: number }
  | { readonly op: 'cut' | 'notice' | 'repeat'; readonly way: number }
  | { readonly op: 'attach' | 'move' | 'give' }
  | { readonly op: 'restore'; readonly keeps: boolean };

const side = fc.constantFrom<Side>('client', 'worker');
const way = fc.constantFrom(0, 0, 0, 1, 1, 2, 3);
const size = fc.nat(30);
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ op: fc.constantFrom('write', 'write', 'event', 'pull', 'pull', 'read'), side, size }),
  },
  { weight: 20, arbitrary: fc.record({ op: fc.constant('deliver'), to: side, way, size: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('cut', 'notice', 'repeat'), way }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('attach', 'move', 'move', 'move') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('restore'), keeps: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('give') }) },
);

const ready: Drain = {
  ...{ generation: 1, phase: DrainPhase.READY, remaining: undefined, reason: 'upgrade' },
  ...{ fate: SessionFate.KEPT, node: '', retryAfter: undefined },
};

/** A client with up to two attachments, a worker, and what is under way between them. */
class Story {
  readonly client: ClientLink = talkClient('a', { mode: AttachMode.OPEN_OR_RESUME });
  worker: WorkerLink = talkWorker();
  readonly owners: Readonly<Record<Side, Owner>> = { client: newOwner(), worker: newOwner() };
  readonly ways: Way[] = [];
  moves = 0;
  /** Times that the session moved to a worker where its client waited already. */
  waiting = 0;
  /** Of two at the worker, the one that is kept until the other one is confirmed. */
  #former: { readonly of: Way; readonly kept: Way } | undefined;
  #isOpen = false;
  #attempts = 0;

  run(step: Op): void {
    switch (step.op) {
      case 'write':
      case 'event':
        this.#write(step.side, step.op, step.size);
        return;
      case 'pull':
        this.pull(step.side);
        return;
      case 'read':
        this.read(step.side);
        return;
      case 'deliver':
        for (let count = 0; count <= step.size; count += 1) this.deliver(this.ways[step.way], step.to);
        return;
      case 'cut':
        this.#cut(this.ways[step.way]);
        return;
      case 'notice':
        this.notice(this.ways[step.way]);
        return;
      case 'repeat':
        this.#repeat(this.ways[step.way]);
        return;
      case 'attach':
      case 'move':
        this.attach(step.op === 'move');
        return;
      case 'restore':
        this.#restore(step.keeps);
        return;
      case 'give':
        this.#give();
        return;
    }
  }

  endpointOf(of: Side): Endpoint {
    return of === 'client' ? this.client.endpoint : this.worker.endpoint;
  }

  /** Opens an attachment where there is none, or, to move, another one beside the only one. */
  attach(moves: boolean): boolean {
    const mine = this.ways.filter(({ clientOpen }) => clientOpen);
    if (moves ? mine.length !== 1 || !this.client.attached : mine.length > 0) return false;
    this.#attempts += 1;
    const nonce = `n${this.#attempts}`;
    const hello = overTheWire(this.client.hello(nonce, { moves }));
    this.#open(nonce, hello);
    return true;
  }

  pull(from: Side): boolean {
    const isTo = from === 'client' ? this.client.attachedAs : this.worker.attachment;
    const open = this.ways.find((one) => (from === 'client' ? one.nonce : this.#idOf(one)) === isTo);
    if (isTo === undefined || open === undefined) return false;
    const message = from === 'client' ? this.client.endpoint.pull(true) : this.worker.pull(isTo, true);
    if (message === undefined) return false;
    if (from === 'client' && open.workerOpen) open.toWorker.push(overTheWire(message));
    if (from === 'worker' && open.clientOpen) open.toClient.push(overTheWire(message));
    return true;
  }

  read(by: Side): boolean {
    const item = this.endpointOf(by).read();
    if (item === undefined) return false;
    this.owners[by].read.push(...meaningOf(item));
    return true;
  }

  deliver(along: Way | undefined, to: Side): boolean {
    if (along === undefined) return false;
    return to === 'client' ? this.#toClient(along) : this.#toWorker(along);
  }

  /** The worker hears that the client has given an RPC up. */
  notice(along: Way | undefined): boolean {
    if (along?.workerOpen !== true || along.clientOpen) return false;
    this.worker.detach(this.#idOf(along));
    this.#endAtWorker(along, { kind: 'transport' });
    return true;
  }

  #open(nonce: string, hello: Frames): Way {
    const end: AttachmentEnd = { kind: 'transport' };
    const opened = { nonce, hello, toWorker: [hello], toClient: [], clientOpen: true, workerOpen: true, end };
    this.ways.push(opened);
    return opened;
  }

  readonly #ids = new Map<Way, string>();
  #idOf(along: Way): string {
    const id = this.#ids.get(along) ?? `way${this.#ids.size}`;
    this.#ids.set(along, id);
    return id;
  }

  #write(by: Side, what: 'write' | 'event', sizeBytes: number): void {
    const endpoint = this.endpointOf(by);
    const owner = this.owners[by];
    if (by === 'client' && this.client.incarnation === 0) return;
    if (what === 'write') {
      if (!endpoint.canWrite()) return;
      owner.wrote.push(...writeCounting(endpoint, Channel.STDOUT, owner.bytes, sizeBytes));
      owner.bytes += sizeBytes;
      return;
    }
    try {
      endpoint.writeEvent({ kind: { $case: 'resize', value: { rows: 1, cols: owner.events + 1 } } });
      owner.events += 1;
      owner.wrote.push(100_000 + owner.events);
    } catch (error) {
      if (!isPaneletError(error, 'LIMIT_EXCEEDED')) throw error;
    }
  }

  #toClient(along: Way): boolean {
    if (!along.clientOpen) return false;
    const message = along.toClient.shift();
    if (message !== undefined) {
      for (const effect of this.client.receive(message, along.nonce)) {
        const isDue = effect.kind === 'welcomed' || effect.kind === 'detach' || effect.kind === 'drain';
        must(isDue, `nobody asked for the effect ${effect.kind}`);
        if (effect.kind === 'welcomed' && effect.moved) this.moves += 1;
      }
      return true;
    }
    if (along.workerOpen) return false;
    this.#endAtClient(along, along.end);
    return true;
  }

  #endAtClient(along: Way, end: AttachmentEnd): void {
    along.clientOpen = false;
    along.toClient.length = 0;
    const next = this.client.ended(end, along.nonce)?.kind ?? 'reattach';
    must(next === 'reattach', `the client ends as ${next}`);
    this.#sweep();
  }

  #toWorker(along: Way): boolean {
    if (!along.workerOpen) return false;
    const message = along.toWorker.shift();
    if (message === undefined) return false;
    if (message.frames[0]?.kind?.$case === 'hello') this.#letIn(along, message);
    else if (this.worker.receive(this.#idOf(along), message) !== undefined) this.#endFormer(along);
    return true;
  }

  #letIn(along: Way, message: Frames): void {
    const kind = message.frames[0]?.kind;
    if (kind?.$case !== 'hello') return;
    const hello = kind.value;
    const { tokenKey, sessionId } = talkIdentity;
    const token = verifyResumeToken(tokenKey, sessionId, hello.resumeToken);
    const view = this.#isOpen ? this.worker.view() : undefined;
    const caller = { identity: 'alice', roles: ['client'], token };
    const decision = decideAttach(view, hello, caller, { admitsNew: true, admitsAttach: true });
    if (decision.kind === 'refuse') {
      must(!along.clientOpen, `who waits is refused: ${decision.code}`);
      this.#endAtWorker(along, { kind: 'transport' });
      return;
    }
    this.#isOpen = true;
    const before = this.worker.attachment;
    const attachment = this.#idOf(along);
    const answers = this.worker.attach({ attachment, decision, hello, message });
    const fenced = this.ways.find((one) => one !== along && this.#idOf(one) === before);
    if (fenced !== undefined) {
      if (this.#former !== undefined) this.#endFormer(this.#former.of);
      this.#former = { of: along, kept: fenced };
      // As worker/sessions/former-attachment.ts: with any other takeover it ends at once.
      if (!hello.moves) this.#endFormer(along);
    }
    along.toClient.push(...answers.map(overTheWire));
  }

  #endFormer(of: Way): void {
    if (this.#former?.of !== of) return;
    const { kept } = this.#former;
    this.#former = undefined;
    if (!kept.workerOpen) return;
    kept.toClient.push(supersededMessage(of.nonce, ''));
    this.#endAtWorker(kept, { kind: 'ok' });
  }

  #endAtWorker(along: Way, end: AttachmentEnd): void {
    this.#endFormer(along);
    along.workerOpen = false;
    along.toWorker.length = 0;
    along.end = end;
    this.#sweep();
  }

  #cut(along: Way | undefined): void {
    if (along?.clientOpen === true) this.#endAtClient(along, { kind: 'transport' });
  }

  // An agent that did not hear how a Hello fared brings it once more; nobody waits for the answer.
  #repeat(along: Way | undefined): void {
    if (along === undefined || along.toWorker.includes(along.hello)) return;
    this.#open(along.nonce, along.hello).clientOpen = false;
  }

  #restore(keeps: boolean): void {
    if (!this.#isOpen) return;
    const state = decodeWorkerLinkState(encodeWorkerLinkState(this.worker.save()));
    this.worker = restoreWorkerLink(talkOptions, state, this.worker.incarnation + 1);
    for (const along of [...this.ways]) {
      if (!keeps) along.toClient.length = 0;
      if (along.workerOpen) this.#endAtWorker(along, { kind: 'transport' });
    }
  }

  /** The session goes on in another worker. Hellos that have not arrived yet wait there for it; whoever is attached is told to attach again. */
  #give(): void {
    if (!this.#isOpen) return;
    const giver = this.worker;
    const state = decodeWorkerLinkState(encodeWorkerLinkState(giver.save()));
    this.worker = restoreWorkerLink(talkOptions, state, giver.incarnation + 1);
    for (const along of [...this.ways]) {
      if (!along.workerOpen || along.toWorker.includes(along.hello)) continue;
      if (along.clientOpen) this.waiting += this.ways.some(({ hello, toWorker }) => toWorker.includes(hello)) ? 1 : 0;
      along.toClient.push(overTheWire(giver.drainMessage(ready)));
      this.#endAtWorker(along, { kind: 'ok' });
    }
  }

  #sweep(): void {
    for (const along of [...this.ways]) {
      if (!along.clientOpen && !along.workerOpen) this.ways.splice(this.ways.indexOf(along), 1);
    }
  }
}

function newOwner(): Owner {
  return { wrote: [], read: [], bytes: 0, events: 0 };
}

function check(story: Story): void {
  const { client, worker } = story.owners;
  expect(client.read).toEqual(worker.wrote.slice(0, client.read.length));
  expect(worker.read).toEqual(client.wrote.slice(0, worker.read.length));
  const [ours, theirs] = [story.client.endpoint.cursors, story.worker.endpoint.cursors];
  expect(ours.txBase).toBeLessThanOrEqual(theirs.nextRx);
  expect(theirs.txBase).toBeLessThanOrEqual(ours.nextRx);
}

/** Lets everything that is under way arrive. */
function settle(story: Story): void {
  for (let moved = true; moved;) {
    moved = story.attach(false);
    for (const along of [...story.ways]) {
      while (story.deliver(along, 'worker') || story.deliver(along, 'client')) moved = true;
      if (story.notice(along)) moved = true;
    }
    for (const one of ['client', 'worker'] as const) while (story.pull(one) || story.read(one)) moved = true;
  }
}

describe('two attachments of one client', () => {
  test('carry everything once and in order, whatever is delivered first, cut, repeated, restored or given', () => {
    let moves = 0;
    let waiting = 0;
    fc.assert(
      fc.property(fc.array(anyOp, { minLength: 100, maxLength: 200 }), (ops) => {
        const story = new Story();
        settle(story);
        for (const step of ops) {
          story.run(step);
          check(story);
        }
        settle(story);
        check(story);
        expect(story.owners.client.read).toEqual(story.owners.worker.wrote);
        expect(story.owners.worker.read).toEqual(story.owners.client.wrote);
        expect(story.client.endpoint.unackedCount() + story.worker.endpoint.unackedCount()).toBe(0);
        moves += story.moves;
        waiting += story.waiting;
      }),
      { numRuns: isExhaustive ? 1000 : 100 },
    );
    expect(moves).toBeGreaterThan(50);
    expect(waiting).toBeGreaterThan(5);
  });
});
