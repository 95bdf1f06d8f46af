import type { Metadata } from '@grpc/grpc-js';
import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import type { AddressBook } from '../connect/address-book.js';
import type { ChannelLease, ChannelPool } from '../connect/channel-pool.js';
import { dial } from '../connect/dial.js';
import { answeredElsewhere, createHomeSearch, searchSpacing, type HomeSearch } from '../connect/home-search.js';
import { answeringNodeOfError } from '../connect/status-errors.js';
import type { UnaryContext } from './unary-call.js';

/** A call on a channel. */
export type AgentCall<Result> = (lease: ChannelLease, context: UnaryContext) => Promise<Result>;

/** Makes unary calls. */
export interface AgentCalls {
  /**
   * Calls an agent; one about a session is repeated until the agent of its node, and the worker that has it, have answered.
   * @throws PaneletError as `callUnary` does; AGENT_UNREACHABLE when that agent is not reached in time
   */
  call<Result>(about: { readonly sessionId: string; readonly node: string }, call: AgentCall<Result>): Promise<Result>;
}

/** What making calls needs. */
export interface AgentCallsDeps {
  readonly book: AddressBook;
  readonly pool: ChannelPool;
  readonly clock: Clock;
  readonly random: Random;
  readonly metadata: () => Promise<Metadata>;
  /** Time for a connection, in milliseconds; never more than a call has. */
  readonly dialMs: number;
}

const callTimeoutMs = 10_000;

/** Calls of one client. */
export function createAgentCalls(deps: AgentCallsDeps): AgentCalls {
  const { book, pool, clock, random } = deps;
  return {
    call: async (about, call) => {
      const search = createHomeSearch();
      const pacing = createBackoff(random, searchSpacing);
      const untilMs = clock.nowMs() + callTimeoutMs;
      for (let attempt = 0; ; attempt++) {
        const query = { ...about, panel: '', attempt };
        const limitMs = Math.min(deps.dialMs, untilMs - clock.nowMs());
        const lease = await dial({ pool, clock, book, query, limitMs });
        try {
          const deadline = new Date(clock.date().getTime() + untilMs - clock.nowMs());
          return await call(lease, { address: lease.address, metadata: await deps.metadata(), deadline });
        } catch (error) {
          if (isPaneletError(error, 'AGENT_UNREACHABLE')) lease.retire();
          if (about.sessionId === '') throw error;
          const passing = passingOf(error, { search, lease, home: about.node });
          if (passing === undefined) throw error;
          if (clock.nowMs() >= untilMs) throw passing;
        } finally {
          lease.release();
        }
        await sleep(clock, pacing.nextMs());
      }
    },
  };
}

interface Answered {
  readonly search: HomeSearch;
  readonly lease: ChannelLease;
  readonly home: string;
}

/** What to say of an answer that may be another one soon, where there is no time for that; undefined for any other. */
function passingOf(error: unknown, { search, lease, home }: Answered): Error | undefined {
  // Its worker goes, or hands it over: whoever has it then answers.
  if (isPaneletError(error, 'WORKER_UNAVAILABLE')) return error;
  if (!isPaneletError(error, 'SESSION_UNKNOWN')) return undefined;
  return answeredElsewhere(search, lease, { answering: answeringNodeOfError(error), home });
}
