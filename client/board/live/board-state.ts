import { isEqualJson } from '#common/equal-json.js';
import type {
  BoardCluster,
  BoardEvent,
  BoardNode,
  BoardPod,
  BoardRestart,
  BoardTarget,
  TroubleSource,
} from '../wire/live.js';
import { mergeEvents } from '../wire/merge-events.js';

/** What has changed; what it is now, the state says. */
export type BoardChange =
  | { readonly of: 'pods' | 'restarts' | 'events'; readonly uid: string }
  | { readonly of: 'targets' }
  | { readonly of: 'node'; readonly node: string }
  | { readonly of: 'trouble'; readonly source: TroubleSource };

/** Everything that the board shows, once for all its pages. */
export class BoardState {
  readonly cluster: BoardCluster;
  readonly #pods = new Map<string, BoardPod>();
  readonly #restarts = new Map<string, BoardRestart>();
  readonly #nodes = new Map<string, BoardNode>();
  readonly #troubles = new Map<TroubleSource, string>();
  readonly #listeners = new Set<(change: BoardChange) => void>();
  #events: readonly BoardEvent[] = [];
  #targets: readonly BoardTarget[] = [];

  constructor(cluster: BoardCluster) {
    this.cluster = cluster;
  }

  get pods(): ReadonlyMap<string, BoardPod> {
    return this.#pods;
  }

  get restarts(): ReadonlyMap<string, BoardRestart> {
    return this.#restarts;
  }

  get nodes(): ReadonlyMap<string, BoardNode> {
    return this.#nodes;
  }

  /** Newest first. */
  get events(): readonly BoardEvent[] {
    return this.#events;
  }

  get targets(): readonly BoardTarget[] {
    return this.#targets;
  }

  get troubles(): ReadonlyMap<TroubleSource, string> {
    return this.#troubles;
  }

  /** Calls back at each change until the returned function is called. */
  subscribe(listener: (change: BoardChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  setPod(pod: BoardPod): void {
    this.#set('pods', this.#pods, pod);
  }

  removePod(uid: string): void {
    this.#remove('pods', this.#pods, uid);
  }

  /** These are all. */
  listPods(pods: readonly BoardPod[]): void {
    this.#list('pods', this.#pods, pods);
  }

  setRestart(restart: BoardRestart): void {
    this.#set('restarts', this.#restarts, restart);
  }

  removeRestart(uid: string): void {
    this.#remove('restarts', this.#restarts, uid);
  }

  /** These are all. */
  listRestarts(restarts: readonly BoardRestart[]): void {
    this.#list('restarts', this.#restarts, restarts);
  }

  /** More events; the newest are kept. */
  addEvents(events: readonly BoardEvent[]): void {
    const before = new Map(this.#events.map((event) => [event.uid, event]));
    this.#events = mergeEvents(this.#events, events);
    for (const event of this.#events) {
      if (!isEqualJson(before.get(event.uid), event)) this.#tell({ of: 'events', uid: event.uid });
    }
  }

  setTargets(targets: readonly BoardTarget[]): void {
    if (isEqualJson(this.#targets, targets)) return;
    this.#targets = targets;
    this.#tell({ of: 'targets' });
  }

  setNode(node: BoardNode): void {
    if (isEqualJson(this.#nodes.get(node.node), node)) return;
    this.#nodes.set(node.node, node);
    this.#tell({ of: 'node', node: node.node });
  }

  /** Nobody looks at it any more; who does again is told when something is known. */
  forgetNode(node: string): void {
    this.#nodes.delete(node);
  }

  /** @param text undefined once it can be seen */
  setTrouble(source: TroubleSource, text: string | undefined): void {
    if (this.#troubles.get(source) === text) return;
    if (text === undefined) this.#troubles.delete(source);
    else this.#troubles.set(source, text);
    this.#tell({ of: 'trouble', source });
  }

  #tell(change: BoardChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  #set<Kept extends { readonly uid: string }>(of: 'pods' | 'restarts', kept: Map<string, Kept>, one: Kept): void {
    if (isEqualJson(kept.get(one.uid), one)) return;
    kept.set(one.uid, one);
    this.#tell({ of, uid: one.uid });
  }

  #remove(of: 'pods' | 'restarts', kept: Map<string, unknown>, uid: string): void {
    if (kept.delete(uid)) this.#tell({ of, uid });
  }

  #list<Kept extends { readonly uid: string }>(
    of: 'pods' | 'restarts',
    kept: Map<string, Kept>,
    all: readonly Kept[],
  ): void {
    const uids = new Set(all.map(({ uid }) => uid));
    for (const uid of [...kept.keys()]) if (!uids.has(uid)) this.#remove(of, kept, uid);
    for (const one of all) this.#set(of, kept, one);
  }
}
