import type { ServerWritableStream } from '@grpc/grpc-js';
import { PacedStream, type PacedNews } from '#common/grpc/paced-stream.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Clock } from '#common/time/clock.js';
import type { AttachmentReviews } from '../access/attachment-reviews.js';
import type { Question } from '../access/authorizer.js';
import type { FrontLimits } from '../config/config.js';
import type { VerifiedCall } from '../front/calls/verified-calls.js';
import { createFairShares, type FairShares } from '../front/turns/fair-shares.js';

/** What watches need. */
export interface WatchSeatsDeps {
  readonly clock: Clock;
  readonly limits: Pick<FrontLimits, 'maxWatches' | 'maxWatchesPerCaller'>;
  readonly reviews: Pick<AttachmentReviews, 'expect'>;
}

/** A call by which something is watched. */
export interface WatchCall<Message> {
  readonly call: ServerWritableStream<unknown, Message>;
  readonly verified: VerifiedCall;
  /** For the audit log. */
  readonly method: string;
}

/** What a caller who was allowed it is told. */
export interface Watching<Message> {
  /** What he was allowed, and is asked about again. */
  readonly questions: readonly Question[];
  readonly restMs: number;
  readonly look: () => PacedNews<Message>;
  /** Calls back whenever something may have changed, until the returned function is called. */
  readonly subscribe: (callback: () => void) => () => void;
}

/** A call's seat among those that watch. */
export interface WatchSeat<Message> {
  /** Aborts when the call is over, however it ends. */
  readonly signal: AbortSignal;
  /** Tells the caller from now on; nothing where the call is over. */
  begin(watching: Watching<Message>): void;
  /** Tells the caller why it ends, and ends it. Twice is fine. */
  end(error: unknown): void;
}

/** What a caller who does not read may still take once he was told that it ends, in milliseconds. */
const leaveMs = 5_000;

/**
 * The calls that watch something, of all callers. A caller has only so many; when there are too many of all together, the caller with the
 * most loses the oldest. Whether one is still allowed is asked again as it is of attachments.
 */
export class WatchSeats {
  readonly #deps: WatchSeatsDeps;
  readonly #seats: FairShares<TakenSeat<never>>;
  readonly #ofCallers = new Map<string, number>();
  #isClosed = false;

  constructor(deps: WatchSeatsDeps) {
    this.#deps = deps;
    this.#seats = createFairShares({ items: deps.limits.maxWatches }, (seat) =>
      seat.end(new PaneletError('LIMIT_EXCEEDED', 'There are too many watches, most of them yours.')),
    );
  }

  get size(): number {
    return this.#seats.size;
  }

  /**
   * A seat for a call whose caller is still to be asked for his rights.
   * @throws WORKER_UNAVAILABLE when the agent goes; LIMIT_EXCEEDED when the caller has too many
   */
  take<Message>(watch: WatchCall<Message>): WatchSeat<Message> {
    const { name } = watch.verified.caller;
    if (this.#isClosed) throw goes();
    const own = this.#ofCallers.get(name) ?? 0;
    const most = this.#deps.limits.maxWatchesPerCaller;
    if (own >= most) {
      throw new PaneletError('LIMIT_EXCEEDED', `You have ${most} watches open here. End some of them first.`);
    }
    this.#ofCallers.set(name, own + 1);
    const seat = new TakenSeat<Message>(watch, this.#deps, () => {
      this.#seats.remove(seat);
      const left = (this.#ofCallers.get(name) ?? 1) - 1;
      if (left === 0) this.#ofCallers.delete(name);
      else this.#ofCallers.set(name, left);
    });
    this.#seats.add(seat, name);
    return seat;
  }

  /** The agent goes: whoever watches is told so, and begins anew at another one. */
  close(): void {
    this.#isClosed = true;
    for (const seat of [...this.#seats.items()]) seat.end(goes());
  }
}

class TakenSeat<Message> implements WatchSeat<Message> {
  readonly #watch: WatchCall<Message>;
  readonly #deps: WatchSeatsDeps;
  readonly #review: ReturnType<AttachmentReviews['expect']>;
  readonly #over = new AbortController();

  constructor(watch: WatchCall<Message>, deps: WatchSeatsDeps, onOver: () => void) {
    this.#watch = watch;
    this.#deps = deps;
    this.#review = deps.reviews.expect();
    this.signal.addEventListener('abort', onOver, { once: true });
    const leave = (): void => this.#leave();
    watch.call.once('cancelled', leave);
    watch.call.once('close', leave);
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  begin({ questions, restMs, look, subscribe }: Watching<Message>): void {
    if (this.signal.aborted) return;
    const { clock } = this.#deps;
    const { call, verified, method } = this.#watch;
    const stream = new PacedStream<Message>({
      ...{ clock, restMs, look },
      write: (message, onTaken) => void call.write(message, onTaken),
      onFailed: (error) => this.end(error),
    });
    const unsubscribe = subscribe(() => stream.changed());
    const forget = this.#review({
      ...verified,
      wish: { method, panel: '', questions },
      revoke: (message) => {
        this.end(new PaneletError('IDENTITY_REFUSED', message));
        return Promise.resolve(true);
      },
      cut: verified.cut,
    });
    this.signal.addEventListener(
      'abort',
      () => {
        stream.close();
        unsubscribe();
        forget();
      },
      { once: true },
    );
    stream.begin();
  }

  end(error: unknown): void {
    if (this.signal.aborted) return;
    this.#leave();
    const { call, verified } = this.#watch;
    call.emit('error', statusOf(error));
    // One that is read has ended by then.
    this.#deps.clock.after(leaveMs, verified.cut);
  }

  #leave(): void {
    this.#over.abort(new PaneletError('TRANSPORT_LOST', 'The caller has left.'));
  }
}

function goes(): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', 'This agent goes. Watch again, over another one.');
}
