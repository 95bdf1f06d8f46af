import type { PaneletSession } from '#client/session/panelet-session.js';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { createFakeClock } from '#common/time/clock.js';
import {
  AttachMode,
  Channel,
  DetachReason,
  DrainPhase,
  EndCause,
  SessionFate,
  type Frame,
  type Frames,
} from '#proto/session/v1/session.js';
import { endMessage, supersededMessage } from '#session/messages/detach-message.js';
import { moveMessage } from '#session/messages/move-message.js';
import { arrive, talkClient, talkWorker } from '#session/model/conversation.js';
import { meaningOf, writeCounting } from '#session/model/wire-end.js';
import { ScriptedAgents, type ScriptedCall } from './scripted-agents.js';
import { startScriptedSession } from './scripted-session.js';
import { settle } from './settle.js';

/** One Attach call, and what is under way on it. */
export class Way {
  readonly toClient: Frames[] = [];
  /** Messages of the client that have arrived at the worker. */
  arrived = 0;
  /** The worker, or its agent, ends it with OK once what it has said has arrived. */
  ends = false;
  /** It has ended at the client. */
  hasEnded = false;
  /** Nothing arrives any more, either way. */
  isHole = false;
  welcomedAtMs: number | undefined;
  /** When the Welcome of the one after it has arrived. */
  followedAtMs: number | undefined;
  /** When READY, or a detach, has arrived, the last of them. */
  lastWordAtMs: number | undefined;

  constructor(
    readonly call: ScriptedCall,
    readonly openedAtMs: number,
    public heardAtMs = openedAtMs,
  ) {}

  get nonce(): string {
    return this.call.hello.attachNonce;
  }

  /** True while the client has it. */
  get isOpen(): boolean {
    return !this.hasEnded && !this.call.isCancelled;
  }
}

/** What the bytes of one end mean, in order. */
interface Bytes {
  readonly wrote: number[];
  readonly read: number[];
}

const numbers = { stdout: Channel.STDOUT, stderr: Channel.STDERR, control: Channel.CONTROL } as const;

/** When a silent connection is asked whether it is alive, and how long it has, in milliseconds. */
export const twoWaysLiveness = { idleMs: 5_000, timeoutMs: 3_000 } as const;

/** How a worker ends an attachment on purpose. */
export type LastWord = 'ready' | 'end' | 'ready and end' | 'nothing';

/** A session of the SDK over two agents of a node, and the worker that both lead to. A test says what arrives when. */
export class TwoWays {
  readonly clock = createFakeClock();
  readonly agents = new ScriptedAgents();
  readonly link = talkClient('a', { mode: AttachMode.OPEN_OR_RESUME, takesMoves: true });
  readonly worker = talkWorker();
  readonly session: PaneletSession;
  readonly ways: Way[] = [];
  readonly client: Bytes = { wrote: [], read: [] };
  readonly panel: Bytes = { wrote: [], read: [] };
  /** The one whose Welcome has arrived last. */
  latest: Way | undefined;
  /** Since when the client may be expected to try another way, as the worker has asked it to. */
  wishedAtMs: number | undefined;
  /** The worker has ended the session. */
  isEnded = false;
  /** The client was told something after which it may give up. */
  mayGiveUp = false;
  /** Called at every moment at which everything that was set off has come to rest. */
  look: () => void = () => undefined;
  #isOpened = false;
  #generation = 0;
  /** Of two at the worker, the one that is kept until the other one is confirmed. */
  #former: { readonly of: Way; readonly kept: Way } | undefined;

  constructor(seed: number) {
    const { clock, link, agents } = this;
    this.session = startScriptedSession({
      ...{ clock, link, agents, liveness: twoWaysLiveness, seed },
      resolve: ({ node }) => {
        return Promise.resolve([
          { address: 'old:1', node },
          { address: 'new:1', node },
        ]);
      },
    });
    void this.#read();
  }

  /** Lets what has been set off come to rest, and looks. */
  async rest(): Promise<void> {
    await settle(6);
    for (const call of this.agents.calls.slice(this.ways.length)) this.ways.push(new Way(call, this.clock.nowMs()));
    this.look();
  }

  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= 250) {
      this.clock.advance(Math.min(leftMs, 250));
      await this.rest();
    }
  }

  write(sizeBytes: number): void {
    const { wrote } = this.client;
    if (this.session.phase === 'closed') return;
    const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (wrote.length + index) % 251);
    wrote.push(...[...bytes].map((byte) => Channel.STDIN * 256 + byte));
    this.session.write(bytes).catch(() => undefined);
  }

  print(sizeBytes: number): void {
    const { endpoint } = this.worker;
    const { wrote } = this.panel;
    if (!this.#isOpened || !endpoint.canWrite()) return;
    wrote.push(...writeCounting(endpoint, Channel.STDOUT, wrote.length, sizeBytes));
  }

  /** The panel reads its input. */
  take(): void {
    const { endpoint } = this.worker;
    for (let item = endpoint.read(); item !== undefined; item = endpoint.read()) {
      this.panel.read.push(...meaningOf(item));
    }
  }

  /** The worker puts what it has to say on its way. */
  pull(): boolean {
    const way = this.#attached();
    const message = way === undefined ? undefined : this.worker.pull(way.nonce, true);
    if (message === undefined) return false;
    way?.toClient.push(message);
    return true;
  }

  /** The worker says something over the way that it has, and the latest one is faster. */
  overtake(sizeBytes: number): void {
    this.print(sizeBytes);
    this.pull();
    this.talk(this.ways.at(-1));
  }

  /** The worker asks the client to open its next attachment: over another agent, or over this one, as the session is about to move. */
  wish(isAgentKept: boolean): void {
    const reattach = isAgentKept ? undefined : { pod: '', uid: 'uid-2', address: '' };
    this.#generation += 1;
    const message = moveMessage(this.worker.endpoint, { generation: this.#generation, reattach, within: undefined });
    this.#attached()?.toClient.push(message);
  }

  /** The worker ends the attachment that it has. */
  say(word: LastWord): void {
    const way = this.#attached();
    if (way === undefined) return;
    const { endpoint } = this.worker;
    this.#generation += 1;
    const ready = {
      ...{ generation: this.#generation, phase: DrainPhase.READY, remaining: undefined, reason: 'upgrade' },
      ...{ node: '', fate: SessionFate.KEPT, retryAfter: undefined },
    };
    if (word.startsWith('ready')) way.toClient.push(this.worker.drainMessage(ready));
    if (word.endsWith('end')) way.toClient.push(endMessage(endpoint, EndCause.FINISHED, ''));
    this.isEnded ||= word.endsWith('end');
    this.#endAtWorker(way);
  }

  /** An agent refuses a Hello. */
  refuse(way: Way | undefined, code: ErrorCode): void {
    if (way?.isOpen !== true || way.arrived > 0) return;
    way.hasEnded = true;
    // Not at this worker, nor at any later moment.
    way.arrived = Infinity;
    if (code !== 'WORKER_UNAVAILABLE') this.mayGiveUp = true;
    this.#restartWish();
    way.call.refuse(new PaneletError(code, 'No.'));
  }

  /** The client loses the connection; the worker does not know yet. */
  cut(way: Way | undefined): void {
    if (way?.isOpen !== true) return;
    way.hasEnded = true;
    this.#restartWish();
    way.call.cut();
  }

  /** The worker hears that the client has given a call up. */
  notice(way: Way | undefined): void {
    if (way === undefined || way.isOpen) return;
    if (way.arrived > 0 && this.worker.attachment === way.nonce) this.#endAtWorker(way);
  }

  setSilent(address: string, isSilent: boolean): void {
    if (isSilent) this.agents.silent.add(address);
    else this.agents.silent.delete(address);
    this.#restartWish();
  }

  /** @returns false when nothing was under way */
  toWorker(way: Way | undefined): boolean {
    const message = way?.call.sent[way.arrived];
    if (way === undefined || message === undefined || way.isHole) return false;
    way.arrived += 1;
    if (way.arrived === 1) this.#letIn(way, message);
    else this.#atWorker(way, message);
    return true;
  }

  /** @returns false when nothing was under way */
  toClient(way: Way | undefined): boolean {
    if (way?.isOpen !== true || way.isHole) return false;
    const message = way.toClient.shift();
    if (message !== undefined) {
      way.heardAtMs = this.clock.nowMs();
      for (const frame of message.frames) this.#note(way, frame);
      way.call.say(message);
      return true;
    }
    if (!way.ends) return false;
    way.hasEnded = true;
    this.#restartWish();
    way.call.endOk();
    return true;
  }

  /** Everything that is under way on a call arrives. */
  talk(way: Way | undefined): void {
    for (let isMoving = true; isMoving;) isMoving = this.toWorker(way) || this.toClient(way);
  }

  /** The worker has waited long enough for the client to confirm the Welcome of its next attachment. */
  endFormer(): void {
    if (this.#former !== undefined) this.#endFormer(this.#former.of);
  }

  async #read(): Promise<void> {
    try {
      for await (const item of this.session) {
        if (item.kind === 'data') this.client.read.push(...meaningOf({ ...item, channel: numbers[item.channel] }));
        else if (item.kind === 'lost') throw new Error('Something was lost.');
      }
    } catch (error) {
      if (this.session.phase !== 'closed') throw error;
    }
  }

  #attached(): Way | undefined {
    return this.ways.find((way) => way.arrived > 0 && way.nonce === this.worker.attachment);
  }

  #letIn(way: Way, message: Frames): void {
    if (this.isEnded) {
      this.#refuseAtWorker(way, 'SESSION_ENDED');
      return;
    }
    const before = this.ways.find((one) => one !== way && one.nonce === this.worker.attachment);
    const first = this.#isOpened ? {} : { view: undefined };
    let answers: readonly Frames[];
    try {
      answers = arrive({ worker: this.worker, attachment: way.nonce, ...first }, message);
    } catch (error) {
      // A Hello that its client has given up may be late for another one.
      if (way.isOpen) throw error;
      return;
    }
    this.#isOpened = true;
    if (before !== undefined) this.#replace(before, way);
    way.toClient.push(...answers);
  }

  #refuseAtWorker(way: Way, code: ErrorCode): void {
    if (!way.isOpen) return;
    way.hasEnded = true;
    this.mayGiveUp = true;
    way.call.refuse(new PaneletError(code, 'No.'));
  }

  // As worker/sessions/former-attachment.ts: with any takeover but that of a move it ends at once.
  #replace(before: Way, way: Way): void {
    this.endFormer();
    this.#former = { of: way, kept: before };
    if (!way.call.hello.moves) this.#endFormer(way);
  }

  #endFormer(of: Way): void {
    if (this.#former?.of !== of) return;
    const { kept } = this.#former;
    this.#former = undefined;
    kept.toClient.push(supersededMessage(of.nonce, ''));
    kept.ends = true;
  }

  #endAtWorker(way: Way): void {
    this.#endFormer(way);
    this.worker.detach(way.nonce);
    way.ends = true;
  }

  #atWorker(way: Way, message: Frames): void {
    const received = this.worker.receive(way.nonce, message);
    if (received === undefined) return;
    this.#endFormer(way);
    if (received.reply !== undefined) way.toClient.push(received.reply);
    if (received.leaves) this.#endAtWorker(way);
  }

  #note(way: Way, { kind }: Frame): void {
    const nowMs = this.clock.nowMs();
    switch (kind?.$case) {
      case 'welcome':
        if (this.latest !== undefined) this.latest.followedAtMs = nowMs;
        this.latest = way;
        way.welcomedAtMs = nowMs;
        this.wishedAtMs = undefined;
        return;
      case 'move':
        if (way === this.latest) this.wishedAtMs = nowMs;
        return;
      case 'drain':
        way.lastWordAtMs = nowMs;
        if (way === this.latest) this.wishedAtMs = undefined;
        return;
      case 'detach':
        way.lastWordAtMs = nowMs;
        if (kind.value.reason === DetachReason.ENDED) this.mayGiveUp = true;
        return;
      default:
    }
  }

  /** An attempt has come to its end, or others may succeed now: the time for the next one begins anew. */
  #restartWish(): void {
    if (this.wishedAtMs !== undefined) this.wishedAtMs = this.clock.nowMs();
  }
}
