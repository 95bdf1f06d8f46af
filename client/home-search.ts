import type { BackoffOptions } from '#common/backoff.js';
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

/** Sees to it that the next attempt gets another connection than the one at whose end the wrong agent has answered. */
export function tellApart(
  lease: Pick<ChannelLease, 'leadsTo' | 'retire'>,
  { answering, home }: { readonly answering: string; readonly home: string },
): void {
  lease.leadsTo(answering);
  // Where any agent will do, it would be taken again.
  if (home === '') lease.retire();
}
