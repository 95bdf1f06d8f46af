import type { Clock, Timer } from '#common/time/clock.js';

/** When a connection that is silent is asked whether it is alive, in milliseconds. */
export interface LivenessOptions {
  /** Silence after which a ping is sent. @default 20000 */
  readonly idleMs?: number;
  /** Time the other end has to answer. @default 10000 */
  readonly timeoutMs?: number;
  /** Time without an answer after which the session says `silent`. @default 2000 */
  readonly silentMs?: number;
}

/** Watches one attachment at a time for silence. */
export interface Liveness {
  /** An attachment has begun. */
  start(): void;
  /** Something has arrived. */
  heard(): void;
  /** The answer to a ping has arrived. */
  answered(nonce: number): void;
  /** The attachment has ended. */
  stop(): void;
}

/** What a liveness watch is made with. */
export interface LivenessDeps {
  readonly clock: Clock;
  readonly options: LivenessOptions;
  readonly ping: (nonce: number) => void;
  /** Nobody has answered for a while; the connection is not given up yet. Once for each ping. */
  readonly silent: () => void;
  /** Something has arrived after all. */
  readonly answering: () => void;
  readonly dead: () => void;
  /** Told the round trip of each ping that was answered, in milliseconds. */
  readonly answered: (roundTripMs: number) => void;
}

/**
 * End-to-end liveness: HTTP/2 keepalive ends at the first proxy, this asks the worker. Finds half-open connections,
 * which TCP alone notices after minutes.
 */
export function createLiveness(deps: LivenessDeps): Liveness {
  const idleMs = deps.options.idleMs ?? 20_000;
  const timeoutMs = deps.options.timeoutMs ?? 10_000;
  const silentMs = Math.min(deps.options.silentMs ?? 2_000, timeoutMs);
  let isSilent = false;
  let timer: Timer | undefined;
  let heardAtMs = 0;
  let nonce = 0;
  let sentAtMs: number | undefined;
  let pingSentAtMs: number | undefined;
  const check = (): void => {
    const now = deps.clock.nowMs();
    const answerMs = isSilent ? timeoutMs : silentMs;
    const dueMs = (sentAtMs === undefined ? heardAtMs + idleMs : sentAtMs + answerMs) - now;
    if (dueMs > 0) {
      timer = deps.clock.after(dueMs, check);
    } else if (sentAtMs === undefined) {
      sentAtMs = now;
      pingSentAtMs = now;
      timer = deps.clock.after(silentMs, check);
      deps.ping(++nonce);
    } else if (!isSilent) {
      isSilent = true;
      deps.silent();
      check();
    } else {
      deps.dead();
    }
  };
  return {
    start: () => {
      timer?.stop();
      heardAtMs = deps.clock.nowMs();
      sentAtMs = undefined;
      isSilent = false;
      timer = deps.clock.after(idleMs, check);
    },
    heard: () => {
      heardAtMs = deps.clock.nowMs();
      // Anything is a sign of life, not only the answer.
      if (sentAtMs === undefined) return;
      sentAtMs = undefined;
      if (isSilent) deps.answering();
      isSilent = false;
      timer?.stop();
      timer = deps.clock.after(idleMs, check);
    },
    answered: (answer) => {
      if (answer === nonce && pingSentAtMs !== undefined) deps.answered(deps.clock.nowMs() - pingSentAtMs);
    },
    stop: () => {
      timer?.stop();
      timer = undefined;
    },
  };
}
