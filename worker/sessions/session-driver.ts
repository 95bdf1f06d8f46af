import type { LimitFunction } from 'p-limit';
import { sleep, type Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { DetachReason, EndCause, type Drain, type Frames, type Hello, type Move } from '#proto/session/v1/session.js';
import type { Admitted } from '#session/worker/admission.js';
import { detachMessage, endMessage, supersededMessage } from '#session/messages/detach-message.js';
import type { WorkerLink } from '#session/worker/worker-link.js';
import { createOpGate, type Hold, type OpGate } from '../panel/op-gate.js';
import type { PanelContext, PanelDefinition, PanelSession, PanelSnapshot } from '../panel/panel.js';
import type { CheckpointStore } from '../storage/checkpoint-store.js';
import type { SessionRecord } from '../storage/session-record.js';
import type { SessionAttachment } from './attachment.js';
import { FormerAttachment } from './former-attachment.js';
import { createPanelOutput, type DrivenOutput } from './panel-output.js';
import { createSessionFreezer, type SessionFreezer } from './session-freezer.js';
import { moveMessage } from '#session/messages/move-message.js';
import type { LossReason } from '#session/messages/crash-reason.js';

/** How a session ended. */
export interface WorkerSessionEnd {
  /** `moved`: only here, since another worker has it; its client goes on there, and what is on storage is that worker's. */
  readonly kind: 'finished' | 'asked' | 'expired' | 'limit' | 'failed' | 'forced' | 'moved';
  /** For a person. */
  readonly message: string;
}

/** How far a session is from rest, for the drain. */
export interface SessionProgress {
  readonly busy: boolean;
  /** In the middle of an operation or an input, whether asked to come to rest or not. */
  readonly moving: boolean;
  /** Asked to come to rest, and not there yet. */
  readonly restless: boolean;
  /** Asked to come to rest, and there. */
  readonly rested: boolean;
  readonly unflushed: boolean;
  readonly unsealed: boolean;
  readonly holders: readonly Hold[];
  /** Why its checkpoint could not be written, if it could not. */
  readonly failure: string | undefined;
}

/** What a session driver needs. */
export interface SessionDriverDeps {
  readonly record: SessionRecord;
  readonly definition: PanelDefinition;
  readonly link: WorkerLink;
  readonly checkpoints: CheckpointStore;
  /** Bounds how many sessions write a checkpoint at a time. */
  readonly slots: LimitFunction;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Something happened that a drain may wait for. */
  readonly onChange: () => void;
  /** The session is over; called once. */
  readonly onEnded: (end: WorkerSessionEnd) => void;
}

/** A Hello that was let in. */
export interface AdmittedAttach {
  readonly attachment: SessionAttachment;
  readonly decision: Admitted;
  readonly hello: Hello;
  readonly message: Frames;
  readonly loss?: LossReason | undefined;
  /** How far the drain is that is under way. */
  readonly drain?: Drain | undefined;
}

const causes: Readonly<Record<Exclude<WorkerSessionEnd['kind'], 'moved'>, EndCause>> = {
  finished: EndCause.FINISHED,
  asked: EndCause.ASKED,
  expired: EndCause.EXPIRED,
  limit: EndCause.LIMIT,
  failed: EndCause.FAILED,
  forced: EndCause.FORCED,
};

const neverAborts = new AbortController().signal;

// A client that has acknowledged nothing for so long is not waited for in a drain; its replay is saved.
const patienceMs = 1_000;

/** Joins the three parts of one live session: its link, its panel and the attachment of its client. */
export class SessionDriver {
  readonly context: PanelContext;
  readonly freezer: SessionFreezer;
  readonly gate: OpGate;
  readonly #deps: SessionDriverDeps;
  readonly #driven: DrivenOutput;
  readonly #former: FormerAttachment;
  #panel: PanelSession | undefined;
  /** Of a panel that failed before the session was there. */
  #failure: { readonly error: unknown } | undefined;
  #attachment: SessionAttachment | undefined;
  #takesMoves = false;
  /** Wishes that its client moves, so far. */
  #wishes = 0;
  #inputSince: number | undefined;
  /** Resolves when the input under way is taken, or was not. */
  #inputTaken: Promise<void> = Promise.resolve();
  #heardMs: number;
  #end: WorkerSessionEnd | undefined;
  #closed: Promise<void> | undefined;
  /** Time without a client while an agent was there, in milliseconds; kept by the registry. */
  detachedMs = 0;

  constructor(deps: SessionDriverDeps) {
    this.#deps = deps;
    this.#heardMs = deps.clock.nowMs();
    this.gate = createOpGate({ clock: deps.clock });
    this.#former = new FormerAttachment(deps.clock);
    this.#driven = createPanelOutput({
      endpoint: deps.link.endpoint,
      log: deps.log,
      onWritten: () => this.#attachment?.wake(),
    });
    this.freezer = createSessionFreezer({
      sessionId: deps.record.id,
      link: deps.link,
      checkpoints: deps.checkpoints,
      slots: deps.slots,
      clock: deps.clock,
      log: deps.log,
      onChange: deps.onChange,
      panel: () => this.#panel,
      attachment: () => this.#attachment,
      onThawed: () => this.#pump(),
      onFailed: (error) => this.#fail(error),
      onTaken: () => this.end({ kind: 'moved', message: 'Another worker has the session.' }),
    });
    this.context = {
      sessionId: deps.record.id,
      owner: deps.record.owner,
      parameters: deps.record.parameters,
      output: this.#driven.output,
      gate: this.gate,
      fail: (error) => this.#failLater(error),
      log: deps.log,
      clock: deps.clock,
      random: deps.random,
    };
  }

  get record(): SessionRecord {
    return this.#deps.record;
  }
  get link(): WorkerLink {
    return this.#deps.link;
  }
  get attached(): boolean {
    return this.#attachment !== undefined;
  }
  get ended(): WorkerSessionEnd | undefined {
    return this.#end;
  }

  /** The panel session is there: input flows. */
  begin(panel: PanelSession): void {
    this.#panel = panel;
    if (this.#failure !== undefined) this.#failLater(this.#failure.error);
    this.#pump();
  }

  /** What the panel tells people about the session. */
  details(): Record<string, string> {
    try {
      return this.#panel?.details() ?? {};
    } catch (err) {
      this.#deps.log.error({ err }, 'A panel session cannot tell about itself');
      return {};
    }
  }

  /** Lets a client in. @throws FRAME_INVALID and the like; then nothing has changed */
  attach(order: AdmittedAttach): void {
    const { attachment, decision, hello, message } = order;
    const before = this.#attachment;
    const first = this.link.attach({
      attachment: attachment.id,
      decision,
      hello,
      message,
      snapshot: () => this.#snapshot(),
      ...(order.loss === undefined ? {} : { loss: order.loss }),
    });
    const last = supersededMessage(hello.attachNonce, 'Another attachment took over.');
    if (before !== undefined && hello.moves) this.#former.keep(before, last);
    else before?.finish([last]);
    this.#attachment = attachment;
    this.#takesMoves = hello.capabilities.includes('move');
    this.detachedMs = 0;
    this.#heardMs = this.#deps.clock.nowMs();
    attachment.send(first);
    if (order.drain !== undefined) attachment.send([this.link.drainMessage(order.drain)]);
    attachment.start({
      pull: (id, ackNow) => this.link.pull(id, ackNow),
      ackUrgency: () => this.link.endpoint.ackUrgency(),
    });
    this.#heard();
  }

  /** Takes a message of an attachment. @throws FRAME_INVALID, CREDIT_EXCEEDED; then the RPC is to be refused */
  receive(attachment: SessionAttachment, message: Frames): void {
    const received = this.link.receive(attachment.id, message);
    if (received === undefined) {
      if (!this.#former.has(attachment)) attachment.finish([]);
      return;
    }
    this.#former.end();
    if (received.frames.some(({ kind }) => kind?.$case === 'hello' || kind?.$case === 'welcome')) {
      throw new PaneletError('FRAME_INVALID', 'A Hello came in the middle of an attachment.');
    }
    this.#heardMs = this.#deps.clock.nowMs();
    if (received.reply !== undefined && !attachment.blocked) attachment.send([received.reply]);
    this.#heard();
    if (received.leaves) attachment.finish([]);
  }

  /** An attachment is over, for whatever reason; the session is kept. */
  detach(attachment: SessionAttachment): void {
    this.link.detach(attachment.id);
    if (this.#attachment?.id !== attachment.id) return;
    this.#attachment = undefined;
    this.#former.end();
    this.#deps.onChange();
  }

  /** Sends what the client takes now, with an acknowledgement. */
  flush(): void {
    this.#attachment?.flush();
  }

  /** Tells the client about a drain. */
  tell(drain: Drain): void {
    this.#attachment?.send([this.link.drainMessage(drain)]);
  }

  /**
   * Tells the client where to go on and ends its RPC with OK.
   * @param meant attachments of which its own has to be one. @default any
   * @returns true when there was such a client
   */
  release(drain: Drain, meant?: ReadonlySet<SessionAttachment>): boolean {
    const attachment = this.#attachment;
    if (attachment === undefined || meant?.has(attachment) === false) return false;
    this.#former.end();
    attachment.finish([this.link.drainMessage(drain)]);
    return true;
  }

  /** Instance of the agent that its client comes through; empty where that names itself not, undefined while no client is there. */
  get agentInstance(): string | undefined {
    return this.#attachment?.agentInstance;
  }

  /** True while its client can be asked to open its next attachment. */
  get mayMove(): boolean {
    return this.#attachment !== undefined && this.#takesMoves && !this.freezer.frozen;
  }

  /** Asks the client to open its next attachment. @returns what resolves once its attachment of now is over; undefined where it cannot, or has to wait */
  askToMove(move: Omit<Move, 'generation'>): Promise<void> | undefined {
    const attachment = this.#attachment;
    if (attachment === undefined || !this.mayMove) return undefined;
    this.#wishes += 1;
    attachment.send([moveMessage(this.link.endpoint, { generation: this.#wishes, ...move })]);
    return attachment.over;
  }

  /** Tells the client that it may not be attached any more and ends its RPC with OK; the session is kept. */
  revoke(attachment: SessionAttachment, message: string): void {
    if (this.#former.has(attachment)) this.#former.end();
    if (this.#attachment?.id !== attachment.id) return;
    attachment.finish([detachMessage(this.link.endpoint, DetachReason.REVOKED, message)]);
  }

  /**
   * Brings the session to rest and takes its state for another worker; nothing is accepted from then on.
   * @returns undefined when it does not come to rest in time, and goes on; or when a drain has it at rest already
   * @throws what the panel throws; the session goes on
   */
  async give(limitMs: number): Promise<Uint8Array | undefined> {
    const { freezer } = this;
    if (freezer.frozen) return undefined;
    let content: Uint8Array | undefined;
    freezer.freeze();
    try {
      await Promise.race([this.#rest(), sleep(this.#deps.clock, limitMs)]);
      if (!this.#isMoving && this.#end === undefined) content = freezer.give();
    } finally {
      // Nothing of it is on storage, so nothing is waited for.
      if (content === undefined) await freezer.thaw(neverAborts);
    }
    return content;
  }

  /** An input that the panel has begun with is most often done in a moment, and no other one begins. */
  async #rest(): Promise<void> {
    await this.freezer.rest();
    await this.#inputTaken;
  }

  /** Goes on here after `give`, in the incarnation that was decided; unless it has ended meanwhile. */
  takeBack(incarnation: number): void {
    if (this.#end !== undefined) return;
    this.link.reincarnate(incarnation);
    this.freezer.takeBack();
  }

  progress(): SessionProgress {
    const { endpoint } = this.link;
    const holders = this.holders();
    const unacked = this.#attachment !== undefined && endpoint.unackedCount() > 0;
    const patient = this.#deps.clock.nowMs() - this.#heardMs < patienceMs;
    const moving = this.#isMoving;
    const asked = this.freezer.frozenSinceMs !== undefined;
    const atRest = this.freezer.still && !moving;
    return {
      busy: moving || endpoint.unreadCount() > 0 || unacked,
      moving,
      restless: asked && !atRest,
      rested: asked && atRest,
      unflushed: unacked && this.#attachment?.open === true && !this.#attachment.blocked && patient,
      unsealed: !this.freezer.sealed,
      holders,
      failure: this.freezer.failure,
    };
  }

  /** Who holds the session, by name; what the panel does not name is named here. */
  holders(): readonly Hold[] {
    const { holders } = this.gate;
    if (holders.length > 0) return holders;
    if (this.#inputSince !== undefined) return [{ operation: 'panel.input', sinceMs: this.#inputSince, bytes: 0 }];
    const freezingSince = this.freezer.freezingSinceMs;
    return freezingSince === undefined ? [] : [{ operation: 'panel.freeze', sinceMs: freezingSince, bytes: 0 }];
  }

  /** Ends the session for good; the client is told. Idempotent: the first reason stays. */
  end(end: WorkerSessionEnd, last: readonly Frames[] = []): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.freezer.end();
    this.#driven.close();
    this.#former.end();
    this.#attachment?.finish([...last, ...this.#lastWords(end)]);
    this.#deps.onEnded(end);
    void this.close();
  }

  /** One that is over here only ends its RPC with OK, and its client attaches again. */
  #lastWords({ kind, message }: WorkerSessionEnd): readonly Frames[] {
    return kind === 'moved' ? [] : [endMessage(this.link.endpoint, causes[kind], message)];
  }

  /** Resolves when the panel session has let go of everything. It may never do so: bound it. */
  close(): Promise<void> {
    this.#closed ??= this.#closePanel();
    return this.#closed;
  }

  async #closePanel(): Promise<void> {
    try {
      await this.#panel?.close();
    } catch (err) {
      this.#deps.log.error({ err }, 'A panel session did not close cleanly');
    }
  }

  get #isMoving(): boolean {
    return this.#panel === undefined || this.#inputSince !== undefined || this.holders().length > 0;
  }

  #snapshot(): PanelSnapshot | undefined {
    try {
      return this.#panel?.snapshot?.();
    } catch (err) {
      this.#deps.log.error({ err }, 'A panel session has no snapshot; what is missing is said instead');
      return undefined;
    }
  }

  #heard(): void {
    try {
      this.#driven.acknowledged();
    } catch (error) {
      this.#fail(error);
    }
    this.#pump();
    this.#attachment?.wake();
    const { endpoint } = this.link;
    if (endpoint.totals.finSent && endpoint.unackedCount() === 0 && !this.freezer.sealing) {
      this.end({ kind: 'finished', message: 'The session has ended.' });
    }
    this.#deps.onChange();
  }

  #pump(): void {
    const panel = this.#panel;
    while (panel !== undefined && this.#inputSince === undefined && !this.freezer.frozen && this.#end === undefined) {
      const item = this.link.endpoint.read();
      if (item === undefined) break;
      try {
        const taken = panel.input(item);
        if (taken !== undefined) this.#waitFor(taken);
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#attachment?.wake();
  }

  #waitFor(taken: Promise<void>): void {
    this.#inputSince = this.#deps.clock.nowMs();
    const done = (): void => {
      this.#inputSince = undefined;
      this.#deps.onChange();
    };
    this.#inputTaken = taken.then(
      () => {
        done();
        this.#pump();
      },
      (error: unknown) => {
        done();
        this.#fail(error);
      },
    );
  }

  /** In a turn of its own: whoever begins with the session has it by then. */
  #failLater(error: unknown): void {
    if (this.#panel === undefined) this.#failure ??= { error };
    else setImmediate(() => this.#fail(error));
  }

  #fail(error: unknown): void {
    const { message } = PaneletError.from(error, 'PANEL_FAILED');
    this.#deps.log.error({ err: error }, 'A panel session failed');
    this.end({ kind: 'failed', message: `The panel failed: ${message}` });
  }
}
