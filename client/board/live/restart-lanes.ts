import type { RestartObject } from '../../cli/fleet/restart-object.js';
import type { BoardLane, LaneStage } from '../wire/live.js';

/** The status of a restart. */
type RestartStatus = NonNullable<RestartObject['status']>;
type ActivePod = NonNullable<RestartStatus['active']>[number];
type FailedPod = NonNullable<RestartStatus['failures']>[number];

/** The controller's steps, on the lane. */
const stages: Readonly<Record<string, LaneStage>> = {
  Cordoned: 'Claimed',
  Warm: 'Warm',
  Returning: 'Warm',
  Draining: 'Draining',
  Drained: 'Draining',
  Killed: 'Gone',
  Replaced: 'Gone',
  // It serves no longer and stays for its sessions, while its replacement serves.
  Retiring: 'Gone',
};

/** Pods that have come through and are still shown, the last ones. */
const mostSucceeded = 50;

/** @param step one of the controller's; of a later release, one that is not known here */
function stageOf({ step, surge }: ActivePod, before: BoardLane | undefined): LaneStage {
  // With its replacement beside it a pod serves until its drain begins, which is when it is cordoned.
  if (step === 'Cordoned' && (surge !== undefined || before?.times.Warm !== undefined)) return 'Draining';
  const isUnderWay = before !== undefined && before.stage !== 'Failed' && before.stage !== 'Succeeded';
  return stages[step] ?? (isUnderWay ? before.stage : 'Claimed');
}

function withTime(before: BoardLane | undefined, stage: LaneStage, at: string): BoardLane['times'] {
  const times = before?.times ?? {};
  return times[stage] === undefined ? { ...times, [stage]: at } : times;
}

function activeLane(pod: ActivePod, before: BoardLane | undefined, now: string): BoardLane {
  const stage = stageOf(pod, before);
  return {
    uid: pod.uid,
    pod: pod.pod,
    node: pod.node ?? '',
    stage,
    step: pod.step,
    since: pod.since ?? '',
    deadline: pod.deadline ?? '',
    sessions: pod.sessions ?? null,
    holders: pod.holders ?? [],
    text: pod.message ?? '',
    times: withTime(before, stage, pod.since ?? now),
  };
}

function failedLane(pod: FailedPod, before: BoardLane | undefined, now: string): BoardLane {
  return {
    uid: pod.uid,
    pod: pod.pod,
    node: pod.node ?? before?.node ?? '',
    stage: 'Failed',
    step: pod.reason,
    since: pod.time ?? '',
    deadline: '',
    sessions: before?.sessions ?? null,
    holders: [],
    text: pod.message ?? '',
    times: withTime(before, 'Failed', pod.time ?? now),
  };
}

/** The lane of a pod that has come through. */
function doneLane(before: BoardLane, now: string): BoardLane {
  if (before.stage === 'Succeeded') return before;
  const done = { stage: 'Succeeded', step: 'Succeeded', since: now, deadline: '', holders: [], text: '' } as const;
  return { ...before, ...done, times: withTime(before, 'Succeeded', now) };
}

/** From left to right. */
const order: readonly LaneStage[] = ['Claimed', 'Warm', 'Draining', 'Gone', 'Succeeded'];

/** Of pods that are under way no longer, those that have come through: as many as the status counts, the furthest first; others were given back. */
function throughOf(left: readonly BoardLane[], count: number): ReadonlySet<string> {
  const furthest = left
    .filter(({ stage }) => stage !== 'Succeeded')
    .sort((one, other) => order.indexOf(other.stage) - order.indexOf(one.stage));
  const done = left.filter(({ stage }) => stage === 'Succeeded');
  return new Set([...done, ...furthest.slice(0, Math.max(0, count))].map(({ uid }) => uid));
}

/** The lanes of a restart, and how many of its pods had come through then. */
export interface LanesBefore {
  readonly lanes: readonly BoardLane[];
  readonly succeeded: number;
}

/**
 * The lanes after another status, of those before it: pods under way and failed as the status has them, and the last 50 that came through as
 * far as they were seen under way.
 * @param now RFC 3339, for what the status gives no time of
 */
export function nextLanes(before: LanesBefore, status: RestartStatus | undefined, now: string): readonly BoardLane[] {
  const known = new Map(before.lanes.map((lane) => [lane.uid, lane]));
  const failed = (status?.failures ?? []).map((pod) => failedLane(pod, known.get(pod.uid), now));
  const failedUids = new Set(failed.map(({ uid }) => uid));
  const active = (status?.active ?? [])
    .filter(({ uid }) => !failedUids.has(uid))
    .map((pod) => activeLane(pod, known.get(pod.uid), now));
  const there = new Set([...active, ...failed].map(({ uid }) => uid));
  const left = before.lanes.filter(({ uid, stage }) => !there.has(uid) && stage !== 'Failed');
  const through = throughOf(left, (status?.pods?.succeeded ?? before.succeeded) - before.succeeded);
  const done = left.filter(({ uid }) => through.has(uid)).map((lane) => doneLane(lane, now));
  return [...done.slice(-mostSucceeded), ...active, ...failed];
}
