import { status, type ClientReadableStream, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { ToldSessions } from '#common/grpc/told-sessions.js';
import { sleep, type Clock } from '#common/time/clock.js';
import type { ListSessionsResponse, Session, WatchSessionsResponse } from '#proto/session/v1/session.js';
import { callWorker } from '../workers/call-worker.js';
import type { WorkerClients } from '../workers/worker-clients.js';

/** What following a worker's sessions needs. */
export interface WorkerSessionsDeps {
  readonly clients: Pick<WorkerClients, 'session'>;
  /** Who asks, as the worker is told. */
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** Time for a worker's first word, in milliseconds; as long as a list may take. */
const firstMs = 5_000;
/** How often a worker from before is asked that cannot be watched, in milliseconds. */
const askMs = 5_000;
/** What is kept of one worker, in characters of JSON; as much as its list may have. One that tells more is left, and watched anew. */
const mostKept = 16 * 1024 * 1024;
/** Rest after a watch has ended though its worker answers, in milliseconds. */
const retryMs = 1_000;

/** The sessions that a caller may see of one worker, as that tells them, until it is closed. */
export class WorkerSessions {
  readonly #deps: WorkerSessionsDeps;
  readonly #ending = new AbortController();
  readonly #told = new ToldSessions();
  /** Characters of their JSON, by their ids. */
  readonly #sizes = new Map<string, number>();
  #isSettled = false;

  constructor(deps: WorkerSessionsDeps) {
    this.#deps = deps;
    const late = deps.clock.after(firstMs, () => this.#settle());
    this.#ending.signal.addEventListener('abort', () => late.stop(), { once: true });
    void this.#follow();
  }

  /** True once the worker has said something, or has had the time to. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** As they are now, their ages too; empty while the worker does not answer. */
  list(): readonly Session[] {
    return this.#told.list(this.#deps.clock.nowMs());
  }

  close(): void {
    this.#ending.abort(new Error('Nobody watches any more.'));
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ending;
    try {
      for (;;) {
        const isUnknown = await this.#watch();
        if (isUnknown) await this.#ask();
        else this.#replace([]);
        await sleep(this.#deps.clock, isUnknown ? askMs : retryMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Follows the worker's own watch to its end. @returns true where the worker has none */
  async #watch(): Promise<boolean> {
    const { clients, metadata } = this.#deps;
    const { signal } = this.#ending;
    signal.throwIfAborted();
    const call: ClientReadableStream<WatchSessionsResponse> = clients.session.watchSessions({ panel: '' }, metadata);
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await new Promise((resolve) => {
        call.on('data', (news: WatchSessionsResponse) => {
          this.#take(news);
          if (this.#kept > mostKept) leave(call, resolve);
        });
        call.on('error', ({ code }: ServiceError) => resolve(code === status.UNIMPLEMENTED));
        call.on('end', () => resolve(false));
      });
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async #ask(): Promise<void> {
    const { clients, metadata, clock } = this.#deps;
    const bounds = { clock, timeoutMs: firstMs, metadata };
    try {
      const { sessions } = await callWorker<ListSessionsResponse>(
        (...rest) => clients.session.listSessions({ panel: '' }, ...rest),
        bounds,
      );
      this.#replace(sessions);
    } catch {
      // A worker that fails is left out: its panel's message says so.
      this.#replace([]);
    }
  }

  #take(news: WatchSessionsResponse): void {
    this.#told.take(news, this.#deps.clock.nowMs());
    if (news.complete) this.#sizes.clear();
    for (const session of news.sessions) this.#sizes.set(session.sessionId, JSON.stringify(session).length);
    for (const id of news.gone) this.#sizes.delete(id);
    this.#settle();
  }

  #replace(sessions: Session[]): void {
    this.#take({ complete: true, sessions, gone: [] });
  }

  get #kept(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  #settle(): void {
    this.#isSettled = true;
    if (!this.#ending.signal.aborted) this.#deps.onChange();
  }
}

/** Hears nothing more of a watch, and has it over now. */
function leave(call: ClientReadableStream<unknown>, over: (isUnknown: false) => void): void {
  call.removeAllListeners('data');
  call.cancel();
  over(false);
}
