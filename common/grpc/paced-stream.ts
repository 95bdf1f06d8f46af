import { restAfter } from '../time/rest-after.js';
import type { Clock, Timer } from '../time/clock.js';

/** What a reader is to be told now. */
export interface PacedNews<Message> {
  /** Nothing where it is missing. */
  readonly message?: Message | undefined;
  /** What is kept back now is to be told in so many milliseconds. */
  readonly againInMs?: number | undefined;
}

/** What a paced stream needs. */
export interface PacedStreamDeps<Message> {
  readonly clock: Clock;
  /** Shortest time between two looks, in milliseconds. */
  readonly restMs: number;
  /** What is news, as of now; it is told then. */
  readonly look: () => PacedNews<Message>;
  /** Sends a message; calls back once the transport has taken it. */
  readonly write: (message: Message, onTaken: () => void) => void;
  /** Looking has failed; it is over then. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Tells one reader how something is, whenever that has changed: at most once in a while, and never with more than one message on its
 * way. For a reader who does not read nothing is kept: he is told later how it is then.
 */
export class PacedStream<Message> {
  readonly #deps: PacedStreamDeps<Message>;
  #restUntilMs = -Infinity;
  /** Something may have changed since the last look. */
  #isDue = false;
  /** When there is something to tell that was kept back. */
  #laterMs = Infinity;
  #timer: Timer | undefined;
  #isWriting = false;
  #isOver = false;

  /** Tells nothing before `begin`. */
  constructor(deps: PacedStreamDeps<Message>) {
    this.#deps = deps;
  }

  /** Looks at once, and from now on. */
  begin(): void {
    this.#look();
  }

  /** Something may have changed. */
  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#arm();
  }

  /** Says nothing any more. */
  close(): void {
    this.#isOver = true;
    this.#timer?.stop();
  }

  #arm(): void {
    const dueMs = this.#isDue ? this.#restUntilMs : Math.max(this.#restUntilMs, this.#laterMs);
    if (this.#isOver || this.#isWriting || dueMs === Infinity) return;
    const { clock } = this.#deps;
    this.#timer?.stop();
    this.#timer = clock.after(Math.max(0, dueMs - clock.nowMs()), () => this.#look());
  }

  #look(): void {
    const { clock, look, restMs, onFailed } = this.#deps;
    const fromMs = clock.nowMs();
    this.#isDue = false;
    try {
      const { message, againInMs = Infinity } = look();
      const nowMs = clock.nowMs();
      // Looking at a thousand of them takes its time.
      this.#restUntilMs = nowMs + Math.max(restMs, restAfter(nowMs - fromMs));
      this.#laterMs = nowMs + againInMs;
      if (message !== undefined) this.#write(message);
      this.#arm();
    } catch (error) {
      this.close();
      onFailed(error);
    }
  }

  #write(message: Message): void {
    this.#isWriting = true;
    this.#deps.write(message, () => {
      this.#isWriting = false;
      this.#arm();
    });
  }
}
