import type {
  BoardCluster,
  BoardEvent,
  BoardLane,
  BoardNode,
  BoardPod,
  BoardRestart,
  BoardTarget,
  LiveMessage,
  TroubleSource,
} from '../../wire/live.js';
import { mergeEvents } from '../../wire/merge-events.js';

/** What the board's server has said of the cluster, as the page keeps it. Never changed: each message makes another one. */
export interface Fleet {
  readonly cluster: BoardCluster | null;
  readonly pods: ReadonlyMap<string, BoardPod>;
  readonly restarts: ReadonlyMap<string, BoardRestart>;
  readonly targets: readonly BoardTarget[];
  /** Newest first. */
  readonly events: readonly BoardEvent[];
  /** Of nodes that are followed. */
  readonly nodes: ReadonlyMap<string, BoardNode>;
  readonly troubles: ReadonlyMap<TroubleSource, string>;
  /** Pods that left their lanes because all went well. */
  readonly arrived: readonly ArrivedLane[];
  /** Kinds of which the next message is the first of a connection, and replaces all that is known. */
  readonly awaited: ReadonlySet<LiveMessage['kind']>;
}

/** A pod that a restart has done with, and when the page heard of it (milliseconds of its clock). */
export interface ArrivedLane {
  readonly restart: string;
  readonly lane: BoardLane;
  readonly atMs: number;
}

/** Pods that have arrived and are kept, and for how long they are shown. */
const mostArrived = 12;
export const arrivedShownMs = 12_000;

/** Before anything was said. */
export const emptyFleet: Fleet = {
  cluster: null,
  pods: new Map(),
  restarts: new Map(),
  targets: [],
  events: [],
  nodes: new Map(),
  troubles: new Map(),
  arrived: [],
  awaited: new Set(),
};

/** Before a connection says everything again: what is known stays until it is replaced. */
export function awaitEverything(fleet: Fleet): Fleet {
  return { ...fleet, awaited: new Set(['pods', 'restarts', 'events']) };
}

/** After messages, in order; many at once cost little more than one. */
export function fleetAfter(fleet: Fleet, messages: readonly LiveMessage[], nowMs: number): Fleet {
  const next = new Draft(fleet, nowMs);
  for (const message of messages) next.take(message);
  return next.done();
}

/** Without nodes that are no longer followed: what was said of them is old. */
export function withoutNodes(fleet: Fleet, followed: ReadonlySet<string>): Fleet {
  const nodes = new Map([...fleet.nodes].filter(([node]) => followed.has(node)));
  return nodes.size === fleet.nodes.size ? fleet : { ...fleet, nodes };
}

/** A fleet while messages are taken: each map is copied once, when it changes first. */
class Draft {
  readonly #nowMs: number;
  readonly #copied = new Set<string>();
  #pods: Map<string, BoardPod>;
  #restarts: Map<string, BoardRestart>;
  #nodes: Map<string, BoardNode>;
  #events: readonly BoardEvent[];
  /** Events that are not among the others yet. */
  #news: BoardEvent[] = [];
  #fleet: Fleet;

  constructor(fleet: Fleet, nowMs: number) {
    this.#nowMs = nowMs;
    this.#fleet = fleet;
    this.#pods = fleet.pods as Map<string, BoardPod>;
    this.#restarts = fleet.restarts as Map<string, BoardRestart>;
    this.#nodes = fleet.nodes as Map<string, BoardNode>;
    this.#events = fleet.events;
  }

  take(message: LiveMessage): void {
    switch (message.kind) {
      case 'cluster':
        // Troubles that are still there are told again.
        this.#fleet = { ...this.#fleet, cluster: message.cluster, troubles: new Map() };
        return;
      case 'pods':
        this.#pods = changedMap(this.#begin('pods', this.#pods), message);
        return;
      case 'restarts':
        this.#takeRestarts(message.changed, message.gone);
        return;
      case 'targets':
        // Those that were to come before it have come.
        this.#pods = this.#begin('pods', this.#pods);
        this.#restarts = this.#begin('restarts', this.#restarts);
        this.#fleet = { ...this.#fleet, targets: message.targets };
        return;
      case 'events':
        this.#takeEvents(message.events);
        return;
      case 'node':
        this.#nodes = this.#begin('node', this.#nodes).set(message.node.node, message.node);
        return;
      case 'trouble':
        this.#takeTrouble(message.of, message.text);
        return;
    }
  }

  done(): Fleet {
    const events = this.#news.length === 0 ? this.#events : mergeEvents(this.#events, this.#news);
    return { ...this.#fleet, events, pods: this.#pods, restarts: this.#restarts, nodes: this.#nodes };
  }

  /** A copy to change; an empty one when the connection says this for the first time. */
  #begin<T>(kind: LiveMessage['kind'], map: Map<string, T>): Map<string, T> {
    if (this.#isFirst(kind)) {
      this.#copied.add(kind);
      return new Map();
    }
    if (this.#copied.has(kind)) return map;
    this.#copied.add(kind);
    return new Map(map);
  }

  #isFirst(kind: LiveMessage['kind']): boolean {
    if (!this.#fleet.awaited.has(kind)) return false;
    this.#fleet = { ...this.#fleet, awaited: new Set([...this.#fleet.awaited].filter((other) => other !== kind)) };
    return true;
  }

  #takeRestarts(changed: readonly BoardRestart[], gone: readonly string[]): void {
    const arrived = changed.flatMap((restart) =>
      arrivedLanes(this.#restarts.get(restart.uid), restart).map((lane) => ({
        restart: restart.uid,
        lane,
        atMs: this.#nowMs,
      })),
    );
    this.#restarts = changedMap(this.#begin('restarts', this.#restarts), { changed, gone });
    if (arrived.length > 0)
      this.#fleet = { ...this.#fleet, arrived: [...this.#fleet.arrived, ...arrived].slice(-mostArrived) };
  }

  #takeEvents(events: readonly BoardEvent[]): void {
    if (this.#isFirst('events')) [this.#events, this.#news] = [[], []];
    this.#news.push(...events);
  }

  #takeTrouble(of: TroubleSource, text: string | undefined): void {
    const troubles = new Map(this.#fleet.troubles);
    if (text === undefined) troubles.delete(of);
    else troubles.set(of, text);
    this.#fleet = { ...this.#fleet, troubles };
  }
}

function changedMap<T extends { readonly uid: string }>(
  map: Map<string, T>,
  { changed, gone }: { readonly changed: readonly T[]; readonly gone: readonly string[] },
): Map<string, T> {
  for (const object of changed) map.set(object.uid, object);
  for (const uid of gone) map.delete(uid);
  return map;
}

/** Pods that were under way and are no longer told of, as many as have succeeded since. */
function arrivedLanes(before: BoardRestart | undefined, after: BoardRestart): readonly BoardLane[] {
  if (before === undefined) return [];
  const still = new Set(after.lanes.map(({ uid }) => uid));
  const left = before.lanes.filter(({ uid, stage }) => !still.has(uid) && stage !== 'Failed' && stage !== 'Succeeded');
  return left
    .slice(0, Math.max(0, after.counts.succeeded - before.counts.succeeded))
    .map((lane) => ({ ...lane, stage: 'Succeeded', holders: [], text: '' }));
}
