import { countText } from '#common/count-text.js';
import type { DaemonSet } from '#kube/objects.js';
import type { Wait } from './next-pods.js';
import type { FailedPod, PanelRestart, Phase } from '../api/panel-restart.js';
import type { Snapshot } from './snapshot.js';
import type { Note } from '../api/note.js';

/** The course a restart takes: its phase, with a word and a sentence why. */
export interface Course {
  readonly phase: Phase;
  readonly reason: string;
  readonly message: string;
  /** True when nothing more is done. */
  readonly over: boolean;
  /** True when it needs a person. */
  readonly stalled: boolean;
  readonly notes: readonly Note[];
}

function course(phase: Phase, reason: string, message: string, rest: Partial<Course> = {}): Course {
  const { over = false, stalled = false } = rest;
  return { phase, reason, message, over, stalled, notes: rest.notes ?? [] };
}

/** A note for the first time a course is taken; {@link newsOf} drops it afterwards. */
function news(type: Note['type'], reason: string, text: string): { notes: readonly Note[] } {
  return { notes: [{ type, reason, action: 'Restart', text }] };
}

function nameOf(restart: PanelRestart): string {
  return restart.spec.targetRef.name;
}

/** What {@link courses.running} is derived from. */
export interface RunningInput {
  readonly snapshot: Snapshot;
  /** Where it is heading when it stops. */
  readonly stop: Course | undefined;
  readonly over: boolean;
  /** What a person has to change about the target first. */
  readonly block: Course | undefined;
  /** What the next pod waits for. */
  readonly wait: Wait | undefined;
  readonly failures: readonly FailedPod[];
}

function unsafeStrategy(target: DaemonSet): Course {
  const name = target.metadata.name;
  const message =
    `DaemonSet ${name} has the update strategy ${target.spec?.updateStrategy?.type ?? 'RollingUpdate'}, under which its pods ` +
    `are killed without a drain. Set spec.updateStrategy.type to OnDelete.`;
  return course('Stalled', 'UnsafeUpdateStrategy', message, {
    stalled: true,
    ...news('Warning', 'UnsafeUpdateStrategy', message),
  });
}

/** Events tell of a start, not of every pod after which a restart goes on. */
function isNews(restart: PanelRestart): boolean {
  const { startTime, phase } = restart.status ?? {};
  return startTime === undefined || phase === 'Paused' || phase === 'Stalled';
}

function running({ snapshot, stop, over, block, wait, failures }: RunningInput): Course {
  const { restart } = snapshot;
  if (stop !== undefined) {
    const message = over ? stop.message : `${stop.message} Pods under way are finished or given back.`;
    const phase = over ? stop.phase : 'Stopping';
    return { ...stop, phase, message, over, notes: over ? stop.notes : [] };
  }
  if (over && failures.length > 0) {
    return { ...courses.failed('PodsFailed', `${countText(failures.length, 'pod')} could not be restarted.`), over };
  }
  if (over) {
    const message = `Every pod of ${nameOf(restart)} was restarted.`;
    return course('Succeeded', 'Succeeded', message, { over, ...news('Normal', 'Succeeded', message) });
  }
  if (block !== undefined) return block;
  if (restart.spec.paused === true) return courses.paused();
  if (wait !== undefined)
    return course('Running', wait.reason, wait.message, news('Normal', wait.reason, wait.message));
  const why = restart.spec.reason === undefined ? '' : ` Reason: ${restart.spec.reason}.`;
  const text = `Restarting ${nameOf(restart)} pod by pod.${why}`;
  return course('Running', 'Restarting', text, isNews(restart) ? news('Normal', 'Started', text) : {});
}

/** Every course a restart can take. */
export const courses = {
  running,
  unsafeStrategy,
  unsupportedBudget: (message: string): Course =>
    course('Stalled', 'UnsupportedDisruptionBudget', message, {
      stalled: true,
      ...news('Warning', 'UnsupportedDisruptionBudget', message),
    }),
  /** It goes on by itself if what takes the pod's place runs after all, until the time for that is over. */
  replacementStuck: (message: string): Course =>
    course('Stalled', 'ReplacementStuck', message, {
      stalled: true,
      ...news('Warning', 'ReplacementStuck', message),
    }),
  aborted: (): Course => {
    const message = 'The restart was aborted.';
    return course('Aborted', 'Aborted', message, { over: true, ...news('Normal', 'Aborted', message) });
  },
  superseded: (by: string): Course => {
    const message = `A newer ${by}, takes the place of this one.`;
    return course('Superseded', 'Superseded', message, { over: true, ...news('Normal', 'Superseded', message) });
  },
  failed: (reason: string, message: string): Course =>
    course('Failed', reason, message, { over: true, stalled: true, ...news('Warning', 'Failed', message) }),
  tooManyFailed: (failures: readonly FailedPod[], limit: number): Course => {
    const last = failures.at(-1);
    const why = last?.message ?? last?.pod ?? '';
    const message = limit === 0 ? `A pod failed: ${why}` : `More than ${limit} pods failed; the last: ${why}`;
    return courses.failed(limit === 0 ? (last?.reason ?? 'PodFailed') : 'TooManyFailedPods', message);
  },
  tooManyForced: (forced: number, limit: number): Course =>
    courses.failed('TooManyForcedSessions', `Sessions that were forced: ${forced}, and no more than ${limit} may be.`),
  targetGone: (restart: PanelRestart): Course =>
    courses.failed('TargetNotFound', `DaemonSet ${nameOf(restart)} was deleted during the restart.`),
  targetMissing: (restart: PanelRestart): Course => {
    const message = `There is no DaemonSet ${nameOf(restart)} in namespace ${restart.metadata.namespace ?? ''}.`;
    return course('Stalled', 'TargetNotFound', message, {
      stalled: true,
      ...news('Warning', 'TargetNotFound', message),
    });
  },
  /** It goes on by itself when a pod or its node gets the labels after all. */
  nothingSelected: (restart: PanelRestart): Course => {
    const { podSelector, nodeSelector } = restart.spec;
    const which = [
      ...(podSelector === undefined ? [] : [`podSelector ${JSON.stringify(podSelector)}`]),
      ...(nodeSelector === undefined ? [] : [`nodeSelector ${JSON.stringify(nodeSelector)}`]),
    ].join(' and ');
    const message = `No pod of ${nameOf(restart)} is selected by ${which}, so nothing is restarted. Correct the labels, or delete this and ask again.`;
    return course('Stalled', 'NothingSelected', message, {
      stalled: true,
      ...news('Warning', 'NothingSelected', message),
    });
  },
  scheduled: (restart: PanelRestart): Course => {
    const message = `Starts at ${restart.spec.notBefore ?? ''}.`;
    return course('Scheduled', 'Scheduled', message, news('Normal', 'Scheduled', message));
  },
  paused: (): Course => {
    const message = 'Paused: no further pod is started until spec.paused is false.';
    return course('Paused', 'Paused', message, news('Normal', 'Paused', message));
  },
  waiting: (rival: PanelRestart): Course => {
    const message = `Waits until ${rival.metadata.name} is done with the same target.`;
    return course('Waiting', 'Waiting', message, news('Normal', 'Waiting', message));
  },
  dryRun: (message: string): Course =>
    course('Succeeded', 'DryRun', message, { over: true, ...news('Normal', 'DryRun', message) }),
};

/** The notes of a course, unless the restart is on it already. */
export function newsOf(restart: PanelRestart, taken: Course): readonly Note[] {
  const before = restart.status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason;
  return restart.status?.phase === taken.phase && before === taken.reason ? [] : taken.notes;
}
