import type { Reattach } from '#proto/session/v1/session.js';
import type { WatchRequest } from '#proto/worker/v1/worker.js';

/** What is known of the agents that let clients through to a worker. */
export interface NodeAgentsDeps {
  /** Agents that watch the worker, the latest last. */
  readonly watches: { readonly agents: readonly WatchRequest[] };
  /** Of the drain under way: instance of the agent that goes once it is complete. */
  readonly gate: { readonly state: { readonly plan?: { readonly leavingAgent?: string | undefined } | undefined } };
}

/** The agents that let clients through to a worker, and where clients of one that goes go on. */
export class NodeAgents {
  readonly #deps: NodeAgentsDeps;
  /** Those that go: nobody is sent there. */
  readonly #leaving = new Set<string>();

  constructor(deps: NodeAgentsDeps) {
    this.#deps = deps;
  }

  /** This one goes, for good. */
  leave(agentInstance: string): void {
    this.#leaving.add(agentInstance);
  }

  /** The latest one that stays; undefined where none does. */
  staying(): Reattach | undefined {
    const { watches, gate } = this.#deps;
    const leaving = gate.state.plan?.leavingAgent;
    const agent = watches.agents.findLast(
      ({ agentInstance }) => agentInstance !== leaving && !this.#leaving.has(agentInstance),
    );
    return agent && { pod: agent.pod, uid: agent.podUid, address: agent.address };
  }

  /** Where clients of an agent go on that goes with the drain under way; undefined where it stays, or no other one does. */
  besideLeaving(agentInstance: string | undefined): Reattach | undefined {
    const leaving = this.#deps.gate.state.plan?.leavingAgent;
    return leaving !== undefined && agentInstance === leaving ? this.staying() : undefined;
  }
}
