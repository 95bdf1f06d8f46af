import type { LiveMessage } from '../wire/live.js';
import type { BoardChange, BoardState } from './board-state.js';

/** Objects of one message. */
const mostObjects = 500;

/** Of pods or restarts, what a page has and what has changed for it since. */
class ToldObjects {
  readonly #told = new Set<string>();
  readonly #due: Set<string>;

  constructor(present: ReadonlyMap<string, unknown>) {
    this.#due = new Set(present.keys());
  }

  get isDue(): boolean {
    return this.#due.size > 0;
  }

  /** What came and went before the page was told of it, is nothing to the page. */
  note(uid: string, present: ReadonlyMap<string, unknown>): void {
    if (present.has(uid) || this.#told.has(uid)) this.#due.add(uid);
    else this.#due.delete(uid);
  }

  /** As much as one message holds. */
  take<Kept>(present: ReadonlyMap<string, Kept>): {
    readonly changed: readonly Kept[];
    readonly gone: readonly string[];
  } {
    const changed: Kept[] = [];
    const gone: string[] = [];
    for (const uid of [...this.#due].slice(0, mostObjects)) {
      this.#due.delete(uid);
      const one = present.get(uid);
      if (one === undefined) {
        this.#told.delete(uid);
        gone.push(uid);
      } else {
        this.#told.add(uid);
        changed.push(one);
      }
    }
    return { changed, gone };
  }
}

/**
 * What a page has not been told yet: at first everything, then names of what has changed, never what it was. However long a page does not read,
 * that is no more than what it knows and what there is.
 */
export class PageChanges {
  readonly #state: BoardState;
  readonly #pods: ToldObjects;
  readonly #restarts: ToldObjects;
  readonly #events: Set<string>;
  readonly #troubles: Set<Extract<BoardChange, { readonly of: 'trouble' }>['source']>;
  readonly #nodes = new Set<string>();
  #shown: readonly string[] = [];
  #cluster = true;
  #targets = true;

  constructor(state: BoardState) {
    this.#state = state;
    this.#pods = new ToldObjects(state.pods);
    this.#restarts = new ToldObjects(state.restarts);
    this.#events = new Set(state.events.map(({ uid }) => uid));
    this.#troubles = new Set(state.troubles.keys());
  }

  /** True when there is something to tell. */
  get isDue(): boolean {
    const sets = [this.#events, this.#troubles, this.#nodes];
    return (
      this.#cluster || this.#targets || this.#pods.isDue || this.#restarts.isDue || sets.some(({ size }) => size > 0)
    );
  }

  note(change: BoardChange): void {
    switch (change.of) {
      case 'pods':
        this.#pods.note(change.uid, this.#state.pods);
        break;
      case 'restarts':
        this.#restarts.note(change.uid, this.#state.restarts);
        break;
      case 'events':
        this.#events.add(change.uid);
        this.#dropOldEvents();
        break;
      case 'targets':
        this.#targets = true;
        break;
      case 'node':
        if (this.#shown.includes(change.node)) this.#nodes.add(change.node);
        break;
      case 'trouble':
        this.#troubles.add(change.source);
        break;
    }
  }

  /** The nodes that the page shows now: of those it is told, at once where something is known. */
  show(nodes: readonly string[]): void {
    for (const node of nodes) {
      if (!this.#shown.includes(node) && this.#state.nodes.has(node)) this.#nodes.add(node);
    }
    this.#shown = nodes;
    for (const node of [...this.#nodes]) if (!nodes.includes(node)) this.#nodes.delete(node);
  }

  /** The next message; undefined when the page knows everything. */
  next(): LiveMessage | undefined {
    const { cluster, pods, restarts, targets } = this.#state;
    if (this.#cluster) {
      this.#cluster = false;
      return { kind: 'cluster', cluster };
    }
    if (this.#pods.isDue) return { kind: 'pods', ...this.#pods.take(pods) };
    if (this.#restarts.isDue) return { kind: 'restarts', ...this.#restarts.take(restarts) };
    if (this.#targets) {
      this.#targets = false;
      return { kind: 'targets', targets };
    }
    return this.#nextSmall();
  }

  #nextSmall(): LiveMessage | undefined {
    const [source] = this.#troubles;
    if (source !== undefined) {
      this.#troubles.delete(source);
      const text = this.#state.troubles.get(source);
      return { kind: 'trouble', of: source, ...(text === undefined ? {} : { text }) };
    }
    const [name] = this.#nodes;
    if (name !== undefined) {
      this.#nodes.delete(name);
      const node = this.#state.nodes.get(name);
      return node === undefined ? this.#nextSmall() : { kind: 'node', node };
    }
    if (this.#events.size === 0) return undefined;
    const events = this.#state.events.filter(({ uid }) => this.#events.has(uid));
    this.#events.clear();
    return events.length === 0 ? undefined : { kind: 'events', events };
  }

  #dropOldEvents(): void {
    if (this.#events.size <= 2 * this.#state.events.length) return;
    const kept = new Set(this.#state.events.map(({ uid }) => uid));
    for (const uid of [...this.#events]) if (!kept.has(uid)) this.#events.delete(uid);
  }
}
