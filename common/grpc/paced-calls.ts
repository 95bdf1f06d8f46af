import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock, Timer } from '../time/clock.js';
import { statusOf } from './grpc-status.js';
import { PacedStream, type PacedNews } from './paced-stream.js';

/** What the watches of one service need. */
export interface PacedCallsDeps {
  readonly clock: Clock;
  /** As {@link PacedStreamDeps.restMs}. */
  readonly restMs: number;
  /** Everybody is looked for again after so many milliseconds, though nothing has said that something has changed. @default never */
  readonly everyMs?: number;
}

/** The calls of one streaming method by which somebody watches how something is. */
export class PacedCalls {
  readonly #deps: PacedCallsDeps;
  readonly #open = new Map<ServerWritableStream<unknown, unknown>, Pick<PacedStream<unknown>, 'changed' | 'close'>>();
  #timer: Timer | undefined;

  constructor(deps: PacedCallsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Tells a caller what `look` finds, now and whenever something has changed, until the caller leaves. */
  add<Message>(call: ServerWritableStream<unknown, Message>, look: () => PacedNews<Message>): void {
    const { clock, restMs } = this.#deps;
    const leave = (): void => this.#leave(call);
    call.on('cancelled', leave);
    call.on('error', leave);
    const stream = new PacedStream<Message>({
      ...{ clock, restMs, look },
      write: (message, onTaken) => void call.write(message, onTaken),
      onFailed: (error) => call.emit('error', statusOf(error)),
    });
    this.#open.set(call, stream);
    stream.begin();
    this.#tick();
  }

  /** Something may have changed. */
  changed(): void {
    for (const stream of this.#open.values()) stream.changed();
  }

  /** Ends every call. */
  close(): void {
    this.#timer?.stop();
    for (const [call, stream] of this.#open) {
      stream.close();
      call.end();
    }
    this.#open.clear();
  }

  #leave(call: ServerWritableStream<unknown, unknown>): void {
    this.#open.get(call)?.close();
    this.#open.delete(call);
  }

  #tick(): void {
    const { clock, everyMs } = this.#deps;
    if (everyMs === undefined || this.#timer !== undefined) return;
    this.#timer = clock.after(everyMs, () => {
      this.#timer = undefined;
      if (this.#open.size === 0) return;
      this.changed();
      this.#tick();
    });
  }
}
