import { isEqualJson } from '#common/equal-json.js';
import type { Condition } from '#kube/objects.js';
import { findCondition, setCondition } from '../api/conditions.js';
import type { PhaseDecision } from './phase.js';
import type {
  ActivePod,
  PanelRestartStatus,
  PodCounts,
  PodStep,
  RecordedReceipt,
  SessionTotals,
} from '../api/panel-restart.js';
import { uidOf } from '../facts/pods.js';
import type { RetiringPod } from '../facts/retiring-list.js';
import { maxActivePods } from './outstanding-pods.js';
import { retiringText } from './retire.js';
import type { Preview } from './preview.js';
import type { FailedPod } from '../api/panel-restart.js';
import type { Snapshot } from './snapshot.js';

/** What happened to a pod, as far as the status is concerned. */
export interface Outcome {
  readonly entry?: ActivePod;
  readonly done?: { readonly entry: ActivePod; readonly resumed: number; readonly lost: number };
  readonly failure?: FailedPod;
}

/** What a status is made from, besides the world. */
export interface StatusInput {
  readonly phaseDecision: PhaseDecision;
  readonly outcomes: readonly Outcome[];
  /** Pods that were not started. */
  readonly pending: number;
  /** What a dry run says would become of sessions. */
  readonly preview?: Preview;
}

type Sums = Omit<SessionTotals, 'summary'>;

const noSessions: Sums = { kept: 0, finished: 0, checkpointed: 0, moved: 0, resumed: 0, forced: 0, lost: 0 };

function addReceipt(sums: Sums, receipt: RecordedReceipt | undefined, resumed: number, lost: number): Sums {
  return {
    kept: sums.kept + (receipt?.kept ?? 0),
    finished: sums.finished + (receipt?.finished ?? 0),
    checkpointed: sums.checkpointed + (receipt?.checkpointed ?? 0),
    moved: sums.moved + (receipt?.moved ?? 0),
    resumed: sums.resumed + resumed,
    forced: sums.forced + (receipt?.forced ?? 0),
    lost: sums.lost + lost,
  };
}

function foreseen({ kept, checkpointed, ending }: Preview): Partial<Sums> {
  return { kept, checkpointed, forced: [...ending.values()].reduce((sum, count) => sum + count, 0) };
}

function sessionTotals(snapshot: Snapshot, { outcomes, preview }: StatusInput): SessionTotals {
  const told = preview === undefined ? snapshot.restart.status?.sessions : foreseen(preview);
  const before: Sums = { ...noSessions, ...told };
  const sums = outcomes.reduce(
    (acc, { done }) => (done === undefined ? acc : addReceipt(acc, done.entry.receipt, done.resumed, done.lost)),
    before,
  );
  const { kept, finished, checkpointed, moved, resumed, forced, lost } = sums;
  const alive = kept + moved + checkpointed - Math.min(lost, checkpointed);
  const all = kept + moved + checkpointed + finished + forced + Math.max(0, lost - checkpointed);
  return { kept, finished, checkpointed, moved, resumed, forced, lost, summary: `${alive}/${all}` };
}

function podCounts(snapshot: Snapshot, { outcomes, pending }: StatusInput): PodCounts {
  const at = (...steps: PodStep[]): number =>
    outcomes.filter(({ entry }) => entry && steps.includes(entry.step)).length;
  const before = snapshot.restart.status;
  const finished = outcomes.filter(({ done, failure }) => done !== undefined && failure === undefined).length;
  const succeeded = (before?.pods?.succeeded ?? 0) + finished;
  const failed = (before?.failures?.length ?? 0) + outcomes.filter(({ failure }) => failure !== undefined).length;
  const active = outcomes.filter(({ entry }) => entry !== undefined).length;
  const total = pending + active + succeeded + failed;
  return {
    total,
    pending,
    warm: at('Warm', 'Returning', 'Retiring'),
    cordoned: at('Cordoned'),
    draining: at('Draining', 'Drained'),
    killed: at('Killed'),
    replaced: at('Replaced'),
    succeeded,
    failed,
    retiring: replacedBy(snapshot).length,
    summary: `${succeeded}/${total}`,
  };
}

function conditionsOf(snapshot: Snapshot, phaseDecision: PhaseDecision): readonly Condition[] {
  const { restart, now } = snapshot;
  const { phase, reason, message, over, stalled } = phaseDecision;
  const set = (list: readonly Condition[], type: string, holds: boolean, why: string): readonly Condition[] =>
    setCondition(list, {
      type,
      status: holds ? 'True' : 'False',
      reason: why,
      message,
      lastTransitionTime: now.toISOString(),
      ...(restart.metadata.generation === undefined ? {} : { observedGeneration: restart.metadata.generation }),
    });
  let list = set(restart.status?.conditions ?? [], 'Reconciling', !over && !stalled, reason);
  list = set(list, 'Stalled', stalled, stalled ? reason : 'NotStalled');
  list = set(list, 'Succeeded', phase === 'Succeeded', reason);
  list = set(
    list,
    'Paused',
    restart.spec.paused === true && !over,
    restart.spec.paused === true ? 'Paused' : 'NotPaused',
  );
  return withRetiring(snapshot, list);
}

/** Pods that the restart has replaced and that still retire. */
function replacedBy({ retiring, restart }: Snapshot): readonly RetiringPod[] {
  return retiring.replacedBy(uidOf(restart));
}

/** Says which pods of the restart still retire; nothing where none ever did. */
function withRetiring(snapshot: Snapshot, list: readonly Condition[]): readonly Condition[] {
  const retiring = replacedBy(snapshot);
  if (retiring.length === 0 && findCondition(list, 'Retiring')?.status !== 'True') return list;
  const { generation } = snapshot.restart.metadata;
  return setCondition(list, {
    type: 'Retiring',
    status: retiring.length > 0 ? 'True' : 'False',
    reason: retiring.length > 0 ? 'SessionsOpen' : 'NoneLeft',
    message:
      retiring.length > 0
        ? `Replaced, and there for their sessions: ${retiringText(retiring)}.`
        : 'All of them are gone.',
    lastTransitionTime: snapshot.now.toISOString(),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  });
}

/** The status of a restart that is over, with what has become of the pods that it had retire; undefined when nothing has. */
export function retiringStatus(snapshot: Snapshot): PanelRestartStatus | undefined {
  const { status } = snapshot.restart;
  if (status?.pods === undefined) return undefined;
  const conditions = withRetiring(snapshot, status.conditions ?? []);
  const pods = { ...status.pods, retiring: replacedBy(snapshot).length };
  const isNews = pods.retiring !== (status.pods.retiring ?? 0) || !isEqualJson(conditions, status.conditions ?? []);
  return isNews ? { ...status, conditions, pods } : undefined;
}

/** When the rest will be done if pods go on taking as long as they did; undefined before the first is done. */
function expectedEnd(snapshot: Snapshot, pods: PodCounts, startTime: string | undefined): string | undefined {
  const done = pods.succeeded + pods.failed;
  if (startTime === undefined || done === 0 || done >= pods.total) return undefined;
  const nowMs = snapshot.now.getTime();
  const perPodMs = (nowMs - Date.parse(startTime)) / done;
  return new Date(nowMs + perPodMs * (pods.total - done)).toISOString();
}

/** Puts a restart's status together: what was before, plus what became of the pods, in the phase decided on. */
export function assembleStatus(snapshot: Snapshot, input: StatusInput): PanelRestartStatus {
  const { restart, now } = snapshot;
  const { phaseDecision, outcomes } = input;
  const before = restart.status;
  const begins = phaseDecision.phase === 'Running' || phaseDecision.over;
  const startTime = before?.startTime ?? (begins ? now.toISOString() : undefined);
  const pods = podCounts(snapshot, input);
  const expected = phaseDecision.over ? undefined : expectedEnd(snapshot, pods, startTime);
  const failures = [...(before?.failures ?? []), ...outcomes.flatMap(({ failure }) => failure ?? [])];
  return {
    ...(restart.metadata.generation === undefined ? {} : { observedGeneration: restart.metadata.generation }),
    target: `${restart.spec.targetRef.kind ?? 'DaemonSet'}/${restart.spec.targetRef.name}`.toLowerCase(),
    phase: phaseDecision.phase,
    conditions: conditionsOf(snapshot, phaseDecision),
    pods,
    sessions: sessionTotals(snapshot, input),
    ...(startTime === undefined ? {} : { startTime }),
    ...(phaseDecision.over ? { completionTime: now.toISOString() } : {}),
    heartbeatTime: now.toISOString(),
    ...(expected === undefined ? {} : { expectedCompletionTime: expected }),
    active: outcomes.flatMap(({ entry }) => entry ?? []).slice(0, maxActivePods),
    failures: failures.slice(0, 50),
  };
}

/** Whether a status has to be on record at once, a moment later with what else comes, now and then, or need not be written. */
export type Urgency = 'now' | 'soon' | 'later' | 'never';

/**
 * When `next` has to be written. What a client waits for, or a person, is written at once. Others gain by a moment in which what comes
 * of other pods is gathered: a pod whose replacement serves already has no client that waits for its end, nor has one that is done.
 */
export function urgencyOf(before: PanelRestartStatus | undefined, next: PanelRestartStatus): Urgency {
  if (!isEqualJson(pressing(before), pressing(next)) || hasPressingPod(before, next)) return 'now';
  if (!isEqualJson(essence(before), essence(next))) return 'soon';
  return tellsMore(before, next) ? 'later' : 'never';
}

function pressing(status: PanelRestartStatus | undefined): unknown {
  return [
    status?.phase,
    status?.observedGeneration,
    status?.startTime,
    status?.completionTime,
    // What a restart waits for comes and goes; what a person has to do does not.
    status?.conditions?.map(({ type, status: holds, reason }) => [type, holds, type === 'Stalled' ? reason : '']),
    status?.failures?.map(({ uid, reason }) => [uid, reason]),
    // In any order.
    status?.active
      ?.filter(({ step }) => step === 'Retiring')
      .map(({ uid }) => uid)
      .sort() ?? [],
  ];
}

/** True when a pod has a new receipt, or is gone, and whatever follows is waited for. */
function hasPressingPod(before: PanelRestartStatus | undefined, next: PanelRestartStatus): boolean {
  const recorded = receiptsOf(before);
  const pods = next.active?.filter(({ surge }) => surge !== 'beside') ?? [];
  return [...receiptsOf({ active: pods })].some(([uid, receipt]) => recorded.get(uid) !== receipt);
}

/** The part of a status that must be on record before the next step of some pod. */
function essence(status: PanelRestartStatus | undefined): unknown {
  // In any order.
  return [status?.pods?.succeeded, Object.fromEntries(receiptsOf(status))];
}

/** Receipts of pods under way, each as a text, by uid. */
function receiptsOf(status: Pick<PanelRestartStatus, 'active'> | undefined): ReadonlyMap<string, string> {
  const recorded = status?.active?.filter((entry) => entry.receipt !== undefined || isKilled(entry)) ?? [];
  return new Map(
    recorded.map(({ uid, receipt }) => [
      uid,
      JSON.stringify([receipt?.instance, receipt?.digest, receipt?.withoutReceipt]),
    ]),
  );
}

function isKilled({ step }: ActivePod): boolean {
  return step === 'Killed' || step === 'Replaced';
}

/** True when `next` tells anything new at all, the times of writing aside. */
function tellsMore(before: PanelRestartStatus | undefined, next: PanelRestartStatus): boolean {
  const rest = (status: PanelRestartStatus | undefined): unknown => ({
    ...status,
    heartbeatTime: undefined,
    expectedCompletionTime: undefined,
    active: status?.active?.map((entry) => ({ ...entry, since: undefined })),
  });
  // The API server keeps keys in an order of its own.
  return !isEqualJson(rest(before), rest(next));
}
