import type { Clock } from '#common/time/clock.js';
import type { GateStatus } from '#proto/gate/v1/gate.js';
import type { PanelInfo, SessionInfo } from '../../calls/node-views.js';
import type { BoardNode } from '../wire/live.js';
import { nodeView, silentNode } from './node-view.js';

/** What is known of a node, as far as it is. */
export interface NodeFacts {
  readonly panels?: readonly PanelInfo[];
  readonly sessions?: readonly SessionInfo[];
  /** Null for those who may not see it. */
  readonly gate?: GateStatus | null;
}

/** By what a node is known. */
export type NewsSource = keyof NodeFacts;

/** Puts together what comes of a node, and tells it: nothing before all of it has come, and why where it does not. */
export class NodeNews {
  readonly #node: string;
  readonly #clock: Clock;
  readonly #tell: (view: BoardNode) => void;
  readonly #troubles = new Map<NewsSource, string>();
  #known: NodeFacts = {};
  #sessionsAtMs = 0;

  constructor(node: string, clock: Clock, tell: (view: BoardNode) => void) {
    this.#node = node;
    this.#clock = clock;
    this.#tell = tell;
  }

  /** What has come: it is not in trouble any more. */
  know(news: NodeFacts): void {
    this.#known = { ...this.#known, ...news };
    if (news.sessions !== undefined) this.#sessionsAtMs = this.#clock.nowMs();
    for (const source of Object.keys(news) as NewsSource[]) this.#troubles.delete(source);
    this.#say();
  }

  /** Nothing comes, and why. */
  fail(source: NewsSource, text: string): void {
    this.#troubles.set(source, text);
    this.#say();
  }

  #say(): void {
    const [trouble] = this.#troubles.values();
    const { panels, sessions, gate } = this.#known;
    if (trouble !== undefined) this.#tell(silentNode(this.#node, trouble));
    else if (panels !== undefined && sessions !== undefined && gate !== undefined) {
      // Nobody tells that they become older.
      const passedMs = this.#clock.nowMs() - this.#sessionsAtMs;
      const older = sessions.map((session) => ({ ...session, ageMs: session.ageMs + passedMs }));
      this.#tell(nodeView(this.#node, { panels, sessions: older, gate: gate ?? undefined }));
    }
  }
}
