import { PaneletError, messageOf } from '#common/errors/errors.js';
import { keepSaved } from '../../cli/access/keep-saved.js';
import type { AgentAccess } from '../../cli/access/agent-access.js';
import type { ResumeStore, SavedCluster } from '../../cli/access/resume-store.js';
import type { CliWorld } from '../../cli/io/cli-world.js';
import { isCertainEnd, isOver, takeoverOf } from '../../cli/session/after-session.js';
import type { SessionOutcome } from '../../cli/session/read-output.js';
import { isTerminalPanel } from '../../cli/session/session-options.js';
import type { OpenOptions } from '../../connect/client-options.js';
import type { PaneletClient } from '../../panelet-client.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import type { NodeWays } from '../ways/node-ways.js';
import { SharedSession } from './shared-session.js';
import type { FirstRequest } from './view-request.js';

/** What sessions of the board are made with. */
export interface BoardSessionsDeps {
  readonly ways: NodeWays;
  readonly store: ResumeStore;
  readonly world: Pick<CliWorld, 'clock' | 'stderr' | 'name'>;
  /** How the cluster is found again in a later run. */
  readonly cluster: SavedCluster;
}

/** A view that waits for its session: its signal, and what it is told each time that the session cannot be opened yet. */
export type WaitingView = Required<Pick<OpenOptions, 'signal' | 'onWaiting'>>;

/** Sessions of one board. */
const mostSessions = 32;
/** Time for the sessions that are left to be told of it, when the board ends. */
const farewellMs = 5_000;

/** The sessions that pages of the board have, by their ids; each once, however many views it has. */
export class BoardSessions {
  readonly #deps: BoardSessionsDeps;
  readonly #held = new Map<string, SharedSession>();
  readonly #opening = new Map<string, Promise<SharedSession>>();
  readonly #leaves = new Map<SharedSession, (outcome: SessionOutcome | 'left') => Promise<void>>();
  #starting = 0;

  constructor(deps: BoardSessionsDeps) {
    this.#deps = deps;
  }

  /**
   * Opens a session, or finds one that is here, or takes one up that the CLI of this user has left.
   * @param waiting its signal gives opening up
   */
  async start(request: FirstRequest, waiting: WaitingView): Promise<SharedSession> {
    if (request.kind === 'open') return this.#limited(() => this.#open(request, waiting));
    const { session } = request;
    const here = this.#held.get(session) ?? this.#opening.get(session);
    if (here !== undefined) return here;
    const taking = this.#limited(() => this.#resume(session)).finally(() => this.#opening.delete(session));
    this.#opening.set(session, taking);
    return taking;
  }

  /** Leaves all, which are kept for a while, and says how to come back to them. */
  async close(): Promise<void> {
    const left = [...this.#held.values()];
    // Leaving ends them for the board, too.
    const outcomes = new Map(left.map((shared) => [shared, shared.outcome]));
    const leaving = left.map(async ({ session }) => session.detach());
    const { clock } = this.#deps.world;
    await Promise.race([Promise.all(leaving), new Promise<void>((resolve) => clock.after(farewellMs, resolve))]);
    await Promise.all(left.map((shared) => this.#leave(shared, outcomes.get(shared) ?? 'left')));
  }

  async #limited(start: () => Promise<SharedSession>): Promise<SharedSession> {
    if (this.#held.size + this.#starting >= mostSessions) {
      throw new PaneletError('LIMIT_EXCEEDED', `A board has ${mostSessions} sessions at most. Close one.`);
    }
    this.#starting += 1;
    try {
      return await start();
    } finally {
      this.#starting -= 1;
    }
  }

  #open(request: Extract<FirstRequest, { kind: 'open' }>, waiting: WaitingView): Promise<SharedSession> {
    const { panel, columns, rows } = request;
    const hasScreen = isTerminalPanel(panel) && columns > 0 && rows > 0;
    const screen = hasScreen ? { term: 'xterm-256color', rows: String(rows), cols: String(columns) } : {};
    const parameters = { ...screen, ...request.parameters };
    return this.#hold(request.node, (client) => client.open({ panel, parameters, ...waiting }));
  }

  async #resume(sessionId: string): Promise<SharedSession> {
    const saved = await this.#deps.store.load(sessionId);
    const { namespace, kubeconfig, context } = this.#deps.cluster;
    const of = saved.cluster;
    const isHere =
      of === undefined || (of.namespace === namespace && of.kubeconfig === kubeconfig && of.context === context);
    if (!isHere) throw new PaneletError('SESSION_UNKNOWN', 'This session is of another cluster than this board.');
    try {
      return await this.#hold(saved.node, (client) => client.resume(saved));
    } catch (error) {
      if (isCertainEnd(error)) await this.#deps.store.remove(sessionId);
      throw error;
    }
  }

  async #hold(node: string, start: (client: PaneletClient) => Promise<PaneletSession>): Promise<SharedSession> {
    const { ways, store, world, cluster } = this.#deps;
    const nodeWay = ways.take(node);
    try {
      const session = await start(nodeWay.client);
      const way: AgentAccess['way'] = { cluster };
      const written = keepSaved(session, { store, world, way });
      const onOver = (outcome: SessionOutcome | 'left'): void => void this.#leave(shared, outcome);
      const shared = new SharedSession({ session, node, clock: world.clock, onOver });
      this.#held.set(session.sessionId, shared);
      this.#leaves.set(shared, async (outcome) => {
        await written((await takeoverOf(session)) !== undefined);
        if (outcome !== 'left' && isOver(outcome)) await store.remove(session.sessionId);
        nodeWay.release();
      });
      return shared;
    } catch (error) {
      const explained = await nodeWay.explain(error);
      nodeWay.release();
      throw explained;
    }
  }

  async #leave(shared: SharedSession, outcome: SessionOutcome | 'left'): Promise<void> {
    const leave = this.#leaves.get(shared);
    if (leave === undefined) return;
    this.#leaves.delete(shared);
    const { sessionId } = shared.session;
    this.#held.delete(sessionId);
    const { stderr, name } = this.#deps.world;
    await leave(outcome).catch((error: unknown) => stderr.write(`panelet: ${messageOf(error)}\n`));
    if (outcome !== 'left') return;
    stderr.write(
      `panelet: left a session, which is kept for a while; come back with:\n  ${name} attach --session ${sessionId}\n`,
    );
  }
}
