import type { BackoffOptions } from '#common/time/backoff.js';
import { PaneletError } from '#common/errors/errors.js';
import type { ChannelLease } from './channel-pool.js';

/** Judges answers "unknown" where one address stands for several agents, such as a Service. */
export interface HomeSearch {
  /**
   * True when such an answer is the last word on the session.
   * @param answering node of the agent that gave it; undefined from an agent that does not say
   * @param home node that the session lives on; `''` when that is not known
   */
  isFinal(answering: string | undefined, home: string): boolean;
}

// Behind a balancer that picks at random, this many answers in a row for each agent seen so far, all from those, leave
// little room for another: one in 20,000 where it would be the tenth.
const answersPerAgent = 10;

/** Spacing of the answers: a balancer's next agent is soon asked, and one that is away is not hammered for. */
export const searchSpacing: BackoffOptions = { initialMs: 10, maxMs: 1000, factor: 1.3 };

/**
 * An agent knows the sessions of its own node alone. Where the session's home is known, only its agent's word counts;
 * where not, the search ends when no agent comes up that was not asked before.
 */
export function createHomeSearch(): HomeSearch {
  const asked = new Set<string>();
  let repeated = 0;
  return {
    isFinal: (answering, home) => {
      if (answering === undefined) return true;
      if (home !== '') return answering === home;
      repeated = asked.has(answering) ? repeated + 1 : 0;
      asked.add(answering);
      return repeated >= answersPerAgent * asked.size;
    },
  };
}

/** An answer "unknown", and what it was about. */
export interface UnknownAnswer {
  /** Node of the agent that gave it; undefined from an agent that does not say. */
  readonly answering: string | undefined;
  /** Node that the session lives on; `''` when that is not known. */
  readonly home: string;
}

/**
 * What an answer "unknown" says that is not the last word; undefined for one that is. The next attempt gets another
 * connection than the one at whose end the wrong agent has answered.
 */
export function answeredElsewhere(
  search: HomeSearch,
  lease: Pick<ChannelLease, 'address' | 'leadsTo' | 'retire'>,
  { answering, home }: UnknownAnswer,
): PaneletError | undefined {
  if (answering === undefined || search.isFinal(answering, home)) return undefined;
  lease.leadsTo(answering);
  // Where any agent will do, it would be taken again.
  if (home === '') lease.retire();
  const where = home === '' ? 'The session' : `The session is on the node ${home}, and`;
  const message = `${where} was looked for at ${lease.address}, where the agent of ${answering} answered, which does not have it.`;
  return new PaneletError('AGENT_UNREACHABLE', message);
}
