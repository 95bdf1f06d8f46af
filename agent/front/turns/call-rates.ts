import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createTokenBucket, type TokenBucket } from '#common/time/token-bucket.js';

/** What becomes of a call: it is served, refused, or its connection is ended because refusing alone costs too much. */
export type RateVerdict = 'serve' | 'refuse' | 'end';

/**
 * How many calls may come. The agent has one thread: without a bound, one client that opens calls as fast as it can has all of
 * it, and everybody's sessions wait. Nobody who works comes near these rates; a client whose sessions all come again at once
 * has the burst.
 */
export interface CallRates {
  /** For a call on a connection, before anybody asks who it is from. `headerBytes`: size of its headers. @default small ones */
  judgeConnection(connection: RatedConnection, headerBytes?: number): RateVerdict;
  /** For a call of a caller who was verified, over all connections. */
  judgeCaller(caller: string, headerBytes?: number): RateVerdict;
  /** Counts a stream that the client has broken off; false for one more than its connection may break off. */
  takeReset(connection: RatedConnection): boolean;
  /** Callers that are remembered. */
  readonly callers: number;
}

/** A connection, as far as calls on it are counted. */
export interface RatedConnection {
  accepted(): boolean;
  /** The caller who was verified on it, as long as it is one alone. */
  onlyCaller(): string | undefined;
  /** Kept here, so that it goes with the connection. */
  rate?: TokenBucket | undefined;
  /** Where the rate of a stranger's connection is kept. */
  strangerRate?: TokenBucket | undefined;
  /** Where streams that were broken off are counted. */
  resetRate?: TokenBucket | undefined;
}

const rates = {
  stranger: { burst: 100, perSecond: 50 },
  connection: { burst: 1_000, perSecond: 500 },
  // Below what nghttp2 takes (1,000 at once, 33 a second) before it gives the connection up without a word to Node.
  resets: { burst: 900, perSecond: 30 },
};
const callerBurstSeconds = 4;
// Beyond this debt a refusal is wasted: nobody listens.
const patienceMs = 250;
const rememberedCallers = 1_024;

// What a token and tracing may need costs one call; what is larger is memory until it is collected, and costs more.
const usualHeaderBytes = 8 * 1024;
const bytesOfOneMore = 2 * 1024;

function costOf(headerBytes: number): number {
  return 1 + Math.ceil(Math.max(0, headerBytes - usualHeaderBytes) / bytesOfOneMore);
}

/** What a caller is told who calls too often. */
export function tooOften(): PaneletError {
  return new PaneletError('LIMIT_EXCEEDED', 'You call more often than the agent serves one client. Slow down.');
}

/** Rates for calls, `perSecond` of them for each caller, and four seconds' worth at once. */
export function createCallRates({
  clock,
  perSecond,
}: {
  readonly clock: Clock;
  readonly perSecond: number;
}): CallRates {
  const callers = new Map<string, TokenBucket>();
  const { connection: usual } = rates;
  const scale = Math.max(1, perSecond / usual.perSecond);
  const ofConnection = { burst: usual.burst * scale, perSecond: usual.perSecond * scale };
  const judge = (bucket: TokenBucket, cost: number): RateVerdict => {
    if (bucket.take(cost)) return 'serve';
    bucket.charge(cost);
    return bucket.waitMs() > patienceMs ? 'end' : 'refuse';
  };
  const forgetIdle = (): void => {
    for (const [caller, bucket] of callers) if (bucket.full()) callers.delete(caller);
  };
  // What is refused anyway is refused before it costs anything: a caller in debt gets no burst by another connection.
  const judgeDebt = (caller: string | undefined, cost: number): RateVerdict => {
    const bucket = caller === undefined ? undefined : callers.get(caller);
    return bucket === undefined || bucket.available() ? 'serve' : judge(bucket, cost);
  };
  return {
    judgeConnection: (connection, headerBytes = 0) => {
      const cost = costOf(headerBytes);
      if (connection.accepted()) {
        const verdict = judgeDebt(connection.onlyCaller(), cost);
        if (verdict !== 'serve') return verdict;
        connection.rate ??= createTokenBucket({ clock, ...ofConnection });
        return judge(connection.rate, cost);
      }
      connection.strangerRate ??= createTokenBucket({ clock, ...rates.stranger });
      return judge(connection.strangerRate, cost);
    },
    takeReset: (connection) => {
      connection.resetRate ??= createTokenBucket({ clock, ...rates.resets });
      return connection.resetRate.take();
    },
    judgeCaller: (caller, headerBytes = 0) => {
      const cost = costOf(headerBytes);
      const known = callers.get(caller);
      if (known !== undefined) return judge(known, cost);
      if (callers.size >= rememberedCallers) forgetIdle();
      const bucket = createTokenBucket({ clock, burst: perSecond * callerBurstSeconds, perSecond });
      callers.set(caller, bucket);
      return judge(bucket, cost);
    },
    get callers() {
      return callers.size;
    },
  };
}
