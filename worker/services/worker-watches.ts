import type { ServerWritableStream } from '@grpc/grpc-js';
import { GateNews } from '#common/grpc/gate-news.js';
import type { Clock, Timer } from '#common/time/clock.js';
import { restAfter } from '#common/time/rest-after.js';
import type { WatchRequest, WatchResponse } from '#proto/worker/v1/worker.js';
import type { Gate } from '../drain/gate.js';

/** What the watches of a worker need. */
export interface WorkerWatchesDeps {
  readonly gate: Gate;
  readonly clock: Clock;
}

/** Changes of a status are told together once in so many milliseconds. */
const newsMs = 20;

type Watch = ServerWritableStream<WatchRequest, WatchResponse>;

/** The agents that watch the worker's status: each gets it at once, and then whenever it has changed. */
export class WorkerWatches {
  readonly #gate: Gate;
  readonly #clock: Clock;
  readonly #calls = new Set<Watch>();
  readonly #news = new GateNews();
  #pauseMs: number = newsMs;
  #timer: Timer | undefined;

  constructor({ gate, clock }: WorkerWatchesDeps) {
    this.#gate = gate;
    this.#clock = clock;
    gate.listen(() => {
      if (this.#calls.size > 0) this.#timer ??= clock.after(this.#pauseMs, () => this.#tell());
    });
  }

  get count(): number {
    return this.#calls.size;
  }

  /** The agents that watch, as they name themselves; the latest last. */
  get agents(): readonly WatchRequest[] {
    return [...this.#calls].map(({ request }) => request);
  }

  add(call: Watch): void {
    this.#calls.add(call);
    call.on('cancelled', () => this.#calls.delete(call));
    call.on('error', () => this.#calls.delete(call));
    call.write({ status: this.#gate.status() });
  }

  /** Tells the last status and ends every watch. */
  close(): void {
    this.#timer?.stop();
    this.#tell();
    for (const call of this.#calls) call.end();
    this.#calls.clear();
  }

  #tell(): void {
    this.#timer = undefined;
    const fromMs = this.#clock.nowMs();
    const status = this.#gate.status();
    const isNews = this.#news.isNews(status);
    // A status of many sessions takes its time.
    this.#pauseMs = Math.max(newsMs, restAfter(this.#clock.nowMs() - fromMs));
    if (!isNews) return;
    for (const call of this.#calls) call.write({ status });
  }
}
