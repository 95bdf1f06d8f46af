import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';

/** How something is watched, and how it is asked for where it cannot be. */
export interface WatchSource<Value> {
  /** How it is, at once and at each change. @throws PaneletError when it cannot be watched, or no more */
  readonly watch: () => AsyncIterable<Value>;
  /** How it is now. @throws PaneletError */
  readonly ask: () => Promise<Value>;
}

/** How long and how loudly to watch. */
export interface KeepWatching {
  /** Ends it, without an error. @default never */
  readonly signal?: AbortSignal | undefined;
  /** Told each time that nothing is heard for a while: the agent has gone, or the way to it; it is tried again. */
  readonly onLost?: ((error: PaneletError) => void) | undefined;
}

/** How often an agent is asked that cannot be watched, in milliseconds. */
const askMs = 5_000;
const spacing = { initialMs: 200, maxMs: 5_000 };
/** Agents from before, and those that one has too many watches at. */
const unwatchable: ReadonlySet<ErrorCode> = new Set(['VERSION_UNSUPPORTED', 'LIMIT_EXCEEDED']);
const passing: ReadonlySet<ErrorCode> = new Set([
  ...(['AGENT_UNREACHABLE', 'API_UNAVAILABLE', 'TIMEOUT', 'TRANSPORT_LOST', 'WORKER_UNAVAILABLE'] as const),
]);

/**
 * How something is, for as long as somebody wants to know: watched; begun anew when the agent goes; asked for every 5 s where it cannot be
 * watched.
 * @throws PaneletError that does not pass, for example IDENTITY_REFUSED
 */
export async function* keepWatching<Value>(
  { watch, ask }: WatchSource<Value>,
  { clock, random, signal, onLost }: KeepWatching & { readonly clock: Clock; readonly random: Random },
): AsyncGenerator<Value, void, undefined> {
  const backoff = createBackoff(random, spacing);
  let asks = false;
  while (signal?.aborted !== true) {
    let pauseMs = askMs;
    try {
      if (asks) yield await ask();
      else {
        for await (const value of watch()) {
          backoff.reset();
          yield value;
        }
        throw new PaneletError('TRANSPORT_LOST', 'The watch has ended.');
      }
    } catch (caught) {
      if (isAborted(signal)) return;
      const error = PaneletError.from(caught);
      const isUnwatchable: boolean = !asks && unwatchable.has(error.code);
      if (!isUnwatchable && !passing.has(error.code) && !(asks && error.code === 'LIMIT_EXCEEDED')) throw error;
      // Whoever answers next may be another agent.
      asks = isUnwatchable;
      if (isUnwatchable) continue;
      onLost?.(error);
      pauseMs = backoff.nextMs();
    }
    await sleep(clock, pauseMs, signal).catch(() => undefined);
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
