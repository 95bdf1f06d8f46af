import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import type { Log } from '#common/log.js';
import { DrainPhase, SessionFate, type Drain, type Move } from '#proto/session/v1/session.js';
import type { HandoffRequest, HandoffResponse } from '#proto/worker/v1/worker.js';
import type { Gate } from '../drain/gate.js';
import type { AttachHandler } from '../sessions/attach-handler.js';
import type { SessionAttachment } from '../sessions/attachment.js';
import { createClientTurns } from '../sessions/client-turns.js';
import type { NodeAgents } from '../sessions/node-agents.js';
import type { SessionDriver } from '../sessions/session-driver.js';
import type { SessionRegistry } from '../sessions/session-registry.js';

/** What handing clients over needs. */
export interface HandoffDeps {
  readonly gate: Gate;
  readonly registry: SessionRegistry;
  readonly attach: Pick<AttachHandler, 'attachments'>;
  readonly agents: NodeAgents;
  readonly clock: Clock;
  readonly log: Log;
}

/** A client that has no other way by then stays until the end, in milliseconds. */
const movingMs = 2_500;

/** Lets the clients of an agent that goes go on with another one. */
export class Handoff {
  readonly #deps: HandoffDeps;

  constructor(deps: HandoffDeps) {
    this.#deps = deps;
  }

  /** Resolves once the RPCs of the agent's clients are over. */
  async run(request: HandoffRequest): Promise<HandoffResponse> {
    const { registry, gate } = this.#deps;
    this.#deps.agents.leave(request.agentInstance);
    const moved = await this.#move(request);
    const drain: Drain = {
      generation: gate.state.drains,
      phase: DrainPhase.READY,
      remaining: undefined,
      reason: request.reason,
      fate: SessionFate.KEPT,
      node: '',
      retryAfter: msToDuration(durationToMs(request.retryAfter, 0)),
    };
    const meant = this.#meant(request);
    const released = [...registry.live.values()].filter((driver) => driver.release(drain, meant));
    // An RPC that does not end is cut by its attachment, so this comes to an end.
    await Promise.all([...meant].map(({ over }) => over));
    return { attachments: moved + released.length, moved };
  }

  /** An agent that names itself in no Attach means all. */
  #meant({ agentInstance }: HandoffRequest): ReadonlySet<SessionAttachment> {
    const { attach } = this.#deps;
    const all = [...attach.attachments];
    return new Set(agentInstance === '' ? all : all.filter((attachment) => attachment.agentInstance === agentInstance));
  }

  /** Has those move that can, where there is another agent. @returns their number */
  async #move(request: HandoffRequest): Promise<number> {
    const { registry, clock, log, agents } = this.#deps;
    const { agentInstance } = request;
    const limitMs = durationToMs(request.within, 0);
    const reattach = agents.staying();
    if (agentInstance === '' || reattach === undefined || limitMs <= 0) return 0;
    const endMs = clock.nowMs() + limitMs;
    const turns = createClientTurns(clock);
    const drivers = [...registry.live.values()].filter((driver) => driver.agentInstance === agentInstance);
    const results = await Promise.all(
      drivers.map((driver) =>
        turns(async () => {
          const leftMs = endMs - clock.nowMs();
          const move = { reattach, within: msToDuration(Math.max(0, leftMs)) };
          // It may have gone on by itself while it waited for its turn.
          const isThere = driver.agentInstance === agentInstance;
          return isThere && leftMs > 0 && this.#moveOne(driver, move, Math.min(movingMs, leftMs));
        }),
      ),
    );
    const moved = results.filter(Boolean).length;
    log.info(
      { moved, of: drivers.length, pod: reattach.pod },
      'Clients of an agent that goes have moved to another one',
    );
    return moved;
  }

  async #moveOne(driver: SessionDriver, move: Omit<Move, 'generation'>, limitMs: number): Promise<boolean> {
    const over = driver.askToMove(move);
    if (over === undefined) return false;
    try {
      await withDeadline({ clock: this.#deps.clock, limitMs }, () => over);
    } catch {
      return false;
    }
    return driver.attached;
  }
}
