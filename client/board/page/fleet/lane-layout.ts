import type { BoardLane, BoardRestart, LaneStage } from '../../wire/live.js';
import { arrivedShownMs, type ArrivedLane } from './fleet.js';

/** Stages from left to right. */
export const laneStages = ['Claimed', 'Warm', 'Draining', 'Gone', 'Succeeded'] as const;
type Stop = (typeof laneStages)[number];

/** A stage on the lane of a pod. */
export interface LaneStop {
  readonly stage: Stop;
  readonly is: 'passed' | 'now' | 'ahead' | 'failed';
  /** When the pod came to it; RFC 3339, empty where nobody saw it. */
  readonly at: string;
}

/** Lanes of a restart that are shown, and how many are not. */
export interface ShownLanes {
  readonly lanes: readonly BoardLane[];
  readonly hidden: number;
}

const mostLanes = 24;

/** A pod's lane: what is behind it, where it is, what is ahead. */
export function laneStops(lane: BoardLane): readonly LaneStop[] {
  const at = lane.stage === 'Failed' ? lastSeen(lane) : laneStages.indexOf(lane.stage);
  return laneStages.map((stage, index) => ({
    stage,
    is: index < at ? 'passed' : index > at ? 'ahead' : stopAt(lane.stage),
    at: lane.times[stage] ?? '',
  }));
}

/** Few rows, however many pods: what failed first, then what is under way in the order in which it began, then what has just arrived. */
export function shownLanes(restart: BoardRestart, arrived: readonly ArrivedLane[], nowMs: number): ShownLanes {
  const own = new Set(restart.lanes.map(({ uid }) => uid));
  const done = arrived
    .filter((each) => each.restart === restart.uid && nowMs - each.atMs < arrivedShownMs && !own.has(each.lane.uid))
    .map(({ lane }) => lane);
  const failed = restart.lanes.filter(({ stage }) => stage === 'Failed').sort(byBeginning);
  const underWay = restart.lanes.filter(({ stage }) => stage !== 'Failed').sort(byBeginning);
  // Those under way have half of the rows where both are many.
  const failedRows = failed.slice(0, Math.max(mostLanes / 2, mostLanes - underWay.length));
  const lanes = [...failedRows, ...underWay, ...done].slice(0, mostLanes);
  return { lanes, hidden: failed.length + underWay.length + done.length - lanes.length };
}

/** Restarts, those under way first, each group with the newest first; of those that are over so many. */
export function restartsInOrder(restarts: Iterable<BoardRestart>, mostOver = 5): readonly BoardRestart[] {
  const newestFirst = [...restarts].sort(
    (a, b) => compareText(b.createdAt, a.createdAt) || compareText(a.name, b.name),
  );
  const over = newestFirst.filter(isOver).slice(0, mostOver);
  return [...newestFirst.filter((restart) => !isOver(restart)).slice(0, mostUnderWay), ...over];
}

const mostUnderWay = 10;

/** True when nothing more comes of it. */
export function isOver({ finishedAt }: BoardRestart): boolean {
  return finishedAt !== '';
}

function stopAt(stage: LaneStage): LaneStop['is'] {
  if (stage === 'Failed') return 'failed';
  return stage === 'Succeeded' ? 'passed' : 'now';
}

/** The last stage at which a pod was seen; the first where nobody saw it at any. */
function lastSeen({ times }: BoardLane): number {
  return Math.max(0, ...laneStages.map((stage, index) => (times[stage] === undefined ? 0 : index)));
}

function byBeginning(a: BoardLane, b: BoardLane): number {
  return compareText(a.times.Claimed ?? a.since, b.times.Claimed ?? b.since) || compareText(a.pod, b.pod);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
