import type { BoardNode, BoardPod, LaneStage } from '../../wire/live.js';
import type { Fleet } from './fleet.js';

/** State of a node in one word, the worst that is so. */
export type NodeState = 'No agent' | 'Not ready' | 'Restarting' | 'Retiring' | 'Ready';

/** A node, as the list shows it. */
export interface NodeRow {
  readonly node: string;
  readonly state: NodeState;
  /** Where its pod is on the lane of a restart. */
  readonly stage: LaneStage | null;
  /** What its agent says of its gate; null while it is not followed. */
  readonly gate: string | null;
  /** Tag of the agent's image; empty without an agent. */
  readonly version: string;
  /** Pods that stay for their sessions only. */
  readonly retiring: number;
  /** Null while it is not followed. */
  readonly sessions: number | null;
}

/** Column by which rows are in order. */
export type SortColumn = 'node' | 'state' | 'version' | 'sessions';

/** What of the list is shown, and how. */
export interface NodeChoice {
  /** Words that a row must have, in any column. */
  readonly text: string;
  readonly state: NodeState | 'all';
  readonly sort: SortColumn;
  readonly isDescending: boolean;
}

/** States, the worst first. */
export const nodeStates: readonly NodeState[] = ['No agent', 'Not ready', 'Restarting', 'Retiring', 'Ready'];

/** A row for each node that has a pod of the release which serves sessions. */
export function nodeRows(fleet: Fleet): readonly NodeRow[] {
  const stages = new Map(
    [...fleet.restarts.values()]
      .filter(({ finishedAt }) => finishedAt === '')
      .flatMap(({ lanes }) => lanes.map(({ node, stage }) => [node, stage] as const)),
  );
  return [...podsByNode(fleet)].map(([node, pods]) =>
    rowOf(node, pods, stages.get(node) ?? null, fleet.nodes.get(node)),
  );
}

/** Rows that a choice lets through, in its order. */
export function chosenRows(rows: readonly NodeRow[], choice: NodeChoice): readonly NodeRow[] {
  const words = choice.text.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = rows.filter((row) => {
    if (choice.state !== 'all' && row.state !== choice.state) return false;
    if (words.length === 0) return true;
    const text = `${row.node} ${row.state} ${row.stage ?? ''} ${row.gate ?? ''} ${row.version}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const direction = choice.isDescending ? -1 : 1;
  const keyed = kept.map((row) => ({ row, key: keyOf(row, choice.sort), name: naturalKey(row.node) }));
  keyed.sort((a, b) => direction * compare(a.key, b.key) || compare(a.name, b.name));
  return keyed.map(({ row }) => row);
}

/** Tag of an image, or the beginning of its digest: what differs between versions. */
export function versionOf(image: string): string {
  const digest = /@sha256:([0-9a-f]{12})/.exec(image)?.[1];
  const tag = /:([^/:]+)$/.exec(image.replace(/@.*$/, ''))?.[1];
  return tag ?? digest ?? (image === '' ? '' : 'latest');
}

function podsByNode(fleet: Fleet): Map<string, BoardPod[]> {
  const found = new Map<string, BoardPod[]>();
  for (const pod of fleet.pods.values()) {
    if (pod.node === '' || (pod.component !== 'agent' && pod.component !== 'host')) continue;
    const pods = found.get(pod.node);
    if (pods === undefined) found.set(pod.node, [pod]);
    else pods.push(pod);
  }
  return found;
}

function rowOf(
  node: string,
  pods: readonly BoardPod[],
  stage: LaneStage | null,
  known: BoardNode | undefined,
): NodeRow {
  const agents = pods.filter(({ component, retiring }) => component === 'agent' && !retiring);
  // The newest, where an old one and its replacement are there.
  const agent = agents.reduce<BoardPod | undefined>(
    (best, pod) => (best === undefined || pod.createdAt > best.createdAt ? pod : best),
    undefined,
  );
  const retiring = pods.filter((pod) => pod.retiring).length;
  return {
    node,
    state: stateOf({ pods, agents, stage, retiring }),
    stage,
    gate: known?.gate?.state ?? null,
    version: agent === undefined ? '' : versionOf(agent.image),
    retiring,
    sessions: known?.gate?.sessions ?? null,
  };
}

function stateOf(of: {
  readonly pods: readonly BoardPod[];
  readonly agents: readonly BoardPod[];
  readonly stage: LaneStage | null;
  readonly retiring: number;
}): NodeState {
  if (of.stage !== null && of.stage !== 'Succeeded' && of.stage !== 'Failed') return 'Restarting';
  if (of.agents.length === 0) return 'No agent';
  const serves = of.agents.some(({ ready }) => ready);
  const hosts = of.pods.filter(({ component, retiring }) => component === 'host' && !retiring);
  if (!serves || (hosts.length > 0 && !hosts.some(({ ready }) => ready))) return 'Not ready';
  return of.retiring > 0 ? 'Retiring' : 'Ready';
}

type Key = string | number;

function keyOf(row: NodeRow, column: SortColumn): Key {
  switch (column) {
    case 'node':
      return naturalKey(row.node);
    case 'state':
      return nodeStates.indexOf(row.state);
    case 'version':
      return naturalKey(row.version);
    case 'sessions':
      return row.sessions ?? -1;
  }
}

/** With numbers as long as each other: node-2 comes before node-10. */
function naturalKey(name: string): string {
  return name.slice(0, 300).replace(/\d+/g, (digits) => digits.padStart(10, '0'));
}

const compare = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0);
