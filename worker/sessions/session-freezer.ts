import type { LimitFunction } from 'p-limit';
import { sleep, type Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { WorkerLink } from '#session/worker/worker-link.js';
import { encodeWorkerLinkState } from '#session/worker/worker-link-codec.js';
import type { PanelSession } from '../panel/panel.js';
import type { CheckpointStore } from '../storage/checkpoint-store.js';
import type { SessionAttachment } from './attachment.js';
import { encodeCheckpointContent } from './checkpoint-content.js';

/** What brings a session to rest and back needs. */
export interface SessionFreezerDeps {
  readonly sessionId: string;
  readonly link: WorkerLink;
  readonly checkpoints: CheckpointStore;
  /** Bounds how many sessions write at a time. */
  readonly slots: LimitFunction;
  readonly clock: Clock;
  readonly log: Log;
  readonly panel: () => PanelSession | undefined;
  readonly attachment: () => SessionAttachment | undefined;
  readonly onChange: () => void;
  readonly onThawed: () => void;
  /** The panel threw where it must not. */
  readonly onFailed: (error: unknown) => void;
  /** What was sealed has been used by somebody else, who has the session. */
  readonly onTaken: () => void;
}

/** Freezing, sealing and thawing of one session. */
export interface SessionFreezer {
  /** True from `freeze` until the thaw is complete: no input is delivered. */
  readonly frozen: boolean;
  /** Since when it is frozen, in milliseconds of the clock; undefined when it is not, or when it is being thawed. */
  readonly frozenSinceMs: number | undefined;
  /** True once the panel has come to rest. */
  readonly still: boolean;
  /** Since when the panel is asked to come to rest; undefined when it is not, or when it is. */
  readonly freezingSinceMs: number | undefined;
  /** True from the moment the state was taken until the thaw is complete: nothing is accepted. */
  readonly sealing: boolean;
  /** True while a sealed checkpoint stands for the session. */
  readonly sealed: boolean;
  readonly failure: string | undefined;
  /** Asks for rest: no credit, no input, no new operation. Idempotent. */
  freeze(): void;
  /**
   * Takes the state in one turn of the event loop as soon as storage has a slot, and writes it. Idempotent while it
   * stands; after a failure it tries again.
   */
  seal(): void;
  /** True from `give` until `takeBack`. */
  readonly given: boolean;
  /**
   * Takes the state for another process, in one turn of the event loop. Nothing is accepted from then on, until `takeBack`.
   * @returns undefined where the session is not at rest, or is being written down
   */
  give(): Uint8Array | undefined;
  /** Goes on after `give`: nobody else has the session. */
  takeBack(): void;
  /** Resolves when the panel has come to rest, or has refused to. */
  rest(): Promise<void>;
  /** Makes what is sealed unusable, then goes on. Tries until storage obeys or the signal aborts. */
  thaw(signal: AbortSignal): Promise<void>;
  /** The session is over: nothing is written any more. */
  end(): void;
  /** Resolves when the thaw under way is complete. */
  thawed(): Promise<void>;
}

const retryMs = 500;

/** `given`: taken for another process, and not written down. */
type Seal = 'none' | 'queued' | 'writing' | 'sealed' | 'failed' | 'given';

class Freezer implements SessionFreezer {
  readonly #deps: SessionFreezerDeps;
  frozen = false;
  freezingSinceMs: number | undefined;
  failure: string | undefined;
  #frozenSinceMs: number | undefined;
  #still = false;
  #seal: Seal = 'none';
  /** True from the first write on until what may be on storage is consumed. */
  #isTouched = false;
  #isOver = false;
  #writing: Promise<void> = Promise.resolve();
  #settling: Promise<void> = Promise.resolve();
  #triedMs = -Infinity;
  #freezes = 0;
  #thaw: Promise<void> | undefined;

  constructor(deps: SessionFreezerDeps) {
    this.#deps = deps;
  }

  get frozenSinceMs(): number | undefined {
    return this.#thaw === undefined ? this.#frozenSinceMs : undefined;
  }
  get sealing(): boolean {
    return this.#isTouched;
  }
  get given(): boolean {
    return this.#seal === 'given';
  }
  get sealed(): boolean {
    return this.#seal === 'sealed' && this.#thaw === undefined;
  }
  get still(): boolean {
    return this.#still && this.#thaw === undefined;
  }

  freeze(): void {
    const panel = this.#deps.panel();
    if (this.frozen || panel === undefined) return;
    this.frozen = true;
    this.#frozenSinceMs = this.freezingSinceMs = this.#deps.clock.nowMs();
    this.#deps.link.endpoint.freeze();
    this.#deps.attachment()?.wake();
    this.#settling = this.#settle(panel, ++this.#freezes);
  }

  async #settle(panel: PanelSession, turn: number): Promise<void> {
    try {
      await panel.freeze();
    } catch (err) {
      this.#deps.log.error({ err }, 'A panel session refused to freeze');
      return;
    }
    if (turn !== this.#freezes || !this.frozen) return;
    this.#still = true;
    this.freezingSinceMs = undefined;
    this.#deps.onChange();
  }

  seal(): void {
    const isTriedLately = this.#seal === 'failed' && this.#deps.clock.nowMs() - this.#triedMs < retryMs;
    const isDue = this.#seal === 'none' || (this.#seal === 'failed' && !isTriedLately);
    if (!isDue || !this.still || this.#isOver) return;
    this.#seal = 'queued';
    void this.#deps.slots(() => this.#begin());
  }

  // The state is taken when storage is ready for it, so that a thousand sessions do not hold a thousand files open.
  #begin(): Promise<void> {
    if (this.#seal !== 'queued' || this.#isOver) return Promise.resolve();
    this.#triedMs = this.#deps.clock.nowMs();
    this.#seal = 'writing';
    this.#isTouched = true;
    this.#writing = this.#write();
    return this.#writing;
  }

  async #write(): Promise<void> {
    try {
      // No await before the state is taken: it has to be one turn of the event loop with what was acknowledged.
      this.#deps.attachment()?.flush();
      this.#deps.attachment()?.halt();
      await this.#deps.checkpoints.seal(this.#deps.sessionId, this.#content());
      this.#seal = 'sealed';
      this.failure = undefined;
    } catch (err) {
      this.#seal = 'failed';
      this.failure = PaneletError.from(err, 'CHECKPOINT_FAILED').message;
      this.#deps.log.error({ err }, 'A session could not be checkpointed');
    }
    this.#deps.onChange();
  }

  #content(): Uint8Array {
    const panel = this.#deps.panel()?.checkpoint?.();
    if (panel === undefined) throw new PaneletError('CHECKPOINT_FAILED', 'The panel has no state to write down.');
    return encodeCheckpointContent({ link: encodeWorkerLinkState(this.#deps.link.save()), panel });
  }

  give(): Uint8Array | undefined {
    if (!this.still || this.#seal !== 'none' || this.#isOver) return undefined;
    this.#deps.attachment()?.flush();
    this.#deps.attachment()?.halt();
    const content = this.#content();
    this.#deps.panel()?.release?.();
    this.#seal = 'given';
    this.#isTouched = true;
    return content;
  }

  takeBack(): void {
    if (this.#seal === 'given') this.#resume();
  }

  rest(): Promise<void> {
    return this.#settling;
  }

  thaw(signal: AbortSignal): Promise<void> {
    this.#thaw ??= this.#goOn(signal).finally(() => {
      this.#thaw = undefined;
    });
    return this.#thaw;
  }

  end(): void {
    this.#isOver = true;
  }

  thawed(): Promise<void> {
    return this.#thaw ?? Promise.resolve();
  }

  async #goOn(signal: AbortSignal): Promise<void> {
    // One that is given goes on when it is clear who has it.
    if (!this.frozen || this.#seal === 'given') return;
    if (this.#seal === 'queued') this.#seal = 'none';
    await this.#writing;
    const wasSealed = this.#seal === 'sealed';
    // Also after a failure: storage may have kept what it could not confirm.
    if (this.#isTouched && !(await this.#consume(signal)) && wasSealed) {
      this.#deps.log.warn('Another worker has used the checkpoint of a session, which ends here');
      this.#deps.onTaken();
      return;
    }
    this.#resume();
  }

  #resume(): void {
    this.#isTouched = false;
    this.#seal = 'none';
    this.failure = undefined;
    this.frozen = false;
    this.#still = false;
    this.#frozenSinceMs = this.freezingSinceMs = undefined;
    try {
      this.#deps.panel()?.thaw();
    } catch (error) {
      this.#deps.onFailed(error);
    }
    this.#deps.link.endpoint.thaw();
    this.#deps.attachment()?.proceed();
    this.#deps.onThawed();
  }

  // An old checkpoint must never pass for the state of a session that went on (I13), so storage has to obey first.
  /** @returns false when there was none, and no earlier try can have used it */
  async #consume(signal: AbortSignal): Promise<boolean> {
    for (let hasTried = false; ; hasTried = true) {
      try {
        const found = await this.#deps.checkpoints.consume(this.#deps.sessionId, this.#deps.link.incarnation);
        return found || hasTried;
      } catch (err) {
        this.#deps.log.error({ err }, 'A checkpoint could not be consumed; the session stays frozen');
      }
      await sleep(this.#deps.clock, retryMs, signal);
    }
  }
}

/** A session that is not at rest. */
export function createSessionFreezer(deps: SessionFreezerDeps): SessionFreezer {
  return new Freezer(deps);
}
