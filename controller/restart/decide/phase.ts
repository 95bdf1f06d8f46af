import { countText } from '#common/count-text.js';
import type { DaemonSet } from '#kube/objects.js';
import type { Wait } from './next-pods.js';
import type { FailedPod, PanelRestart, Phase } from '../api/panel-restart.js';
import type { Snapshot } from './snapshot.js';
import type { RestartEvent } from '../api/restart-event.js';

/** The phase that a restart is in, with a word and a sentence why. */
export interface PhaseDecision {
  readonly phase: Phase;
  readonly reason: string;
  readonly message: string;
  /** True when nothing more is done. */
  readonly over: boolean;
  /** True when it needs a person. */
  readonly stalled: boolean;
  readonly events: readonly RestartEvent[];
}

function phaseDecision(
  phase: Phase,
  reason: string,
  message: string,
  rest: Partial<PhaseDecision> = {},
): PhaseDecision {
  const { over = false, stalled = false } = rest;
  return { phase, reason, message, over, stalled, events: rest.events ?? [] };
}

/** An event for the first time that a phase is decided on; {@link phaseEvents} drops it afterwards. */
function firstEvent(type: RestartEvent['type'], reason: string, text: string): { events: readonly RestartEvent[] } {
  return { events: [{ type, reason, action: 'Restart', text }] };
}

function nameOf(restart: PanelRestart): string {
  return restart.spec.targetRef.name;
}

/** What {@link phaseDecisions.running} is derived from. */
export interface RunningInput {
  readonly snapshot: Snapshot;
  /** Where it is heading when it stops. */
  readonly stop: PhaseDecision | undefined;
  readonly over: boolean;
  /** What a person has to change about the target first. */
  readonly block: PhaseDecision | undefined;
  /** What the next pod waits for. */
  readonly wait: Wait | undefined;
  readonly failures: readonly FailedPod[];
}

function unsafeStrategy(target: DaemonSet): PhaseDecision {
  const name = target.metadata.name;
  const message =
    `DaemonSet ${name} has the update strategy ${target.spec?.updateStrategy?.type ?? 'RollingUpdate'}, under which its pods ` +
    `are killed without a drain. Set spec.updateStrategy.type to OnDelete.`;
  return phaseDecision('Stalled', 'UnsafeUpdateStrategy', message, {
    stalled: true,
    ...firstEvent('Warning', 'UnsafeUpdateStrategy', message),
  });
}

/** Events tell of a start, not of every pod after which a restart goes on. */
function isNews(restart: PanelRestart): boolean {
  const { startTime, phase } = restart.status ?? {};
  return startTime === undefined || phase === 'Paused' || phase === 'Stalled';
}

function running({ snapshot, stop, over, block, wait, failures }: RunningInput): PhaseDecision {
  const { restart } = snapshot;
  if (stop !== undefined) {
    const message = over ? stop.message : `${stop.message} Pods under way are finished or given back.`;
    const phase = over ? stop.phase : 'Stopping';
    return { ...stop, phase, message, over, events: over ? stop.events : [] };
  }
  if (over && failures.length > 0) {
    return {
      ...phaseDecisions.failed('PodsFailed', `${countText(failures.length, 'pod')} could not be restarted.`),
      over,
    };
  }
  if (over) {
    const message = `Every pod of ${nameOf(restart)} was restarted.`;
    return phaseDecision('Succeeded', 'Succeeded', message, { over, ...firstEvent('Normal', 'Succeeded', message) });
  }
  if (block !== undefined) return block;
  if (restart.spec.paused === true) return phaseDecisions.paused();
  if (wait?.reason === 'CannotSurge') return phaseDecisions.cannotSurge(wait.message);
  if (wait !== undefined)
    return phaseDecision('Running', wait.reason, wait.message, firstEvent('Normal', wait.reason, wait.message));
  const why = restart.spec.reason === undefined ? '' : ` Reason: ${restart.spec.reason}.`;
  const text = `Restarting ${nameOf(restart)} pod by pod.${why}`;
  return phaseDecision('Running', 'Restarting', text, isNews(restart) ? firstEvent('Normal', 'Started', text) : {});
}

/** Every decision on the phase of a restart. */
export const phaseDecisions = {
  running,
  unsafeStrategy,
  unsupportedBudget: (message: string): PhaseDecision =>
    phaseDecision('Stalled', 'UnsupportedDisruptionBudget', message, {
      stalled: true,
      ...firstEvent('Warning', 'UnsupportedDisruptionBudget', message),
    }),
  /** It goes on by itself when a pod may be away after all. */
  cannotSurge: (message: string): PhaseDecision =>
    phaseDecision('Stalled', 'CannotSurge', message, {
      stalled: true,
      ...firstEvent('Warning', 'CannotSurge', message),
    }),
  /** It goes on by itself if what takes the pod's place runs after all, until the time for that is over. */
  replacementStuck: (message: string): PhaseDecision =>
    phaseDecision('Stalled', 'ReplacementStuck', message, {
      stalled: true,
      ...firstEvent('Warning', 'ReplacementStuck', message),
    }),
  aborted: (): PhaseDecision => {
    const message = 'The restart was aborted.';
    return phaseDecision('Aborted', 'Aborted', message, { over: true, ...firstEvent('Normal', 'Aborted', message) });
  },
  deleted: (): PhaseDecision => {
    const message = 'The restart was deleted.';
    return phaseDecision('Aborted', 'Deleted', message, { over: true, ...firstEvent('Normal', 'Aborted', message) });
  },
  superseded: (by: string): PhaseDecision => {
    const message = `A newer ${by}, takes the place of this one.`;
    return phaseDecision('Superseded', 'Superseded', message, {
      over: true,
      ...firstEvent('Normal', 'Superseded', message),
    });
  },
  failed: (reason: string, message: string): PhaseDecision =>
    phaseDecision('Failed', reason, message, {
      over: true,
      stalled: true,
      ...firstEvent('Warning', 'Failed', message),
    }),
  tooManyFailed: (failures: readonly FailedPod[], limit: number): PhaseDecision => {
    const last = failures.at(-1);
    const why = last?.message ?? last?.pod ?? '';
    const message = limit === 0 ? `A pod failed: ${why}` : `More than ${limit} pods failed; the last: ${why}`;
    return phaseDecisions.failed(limit === 0 ? (last?.reason ?? 'PodFailed') : 'TooManyFailedPods', message);
  },
  tooManyForced: (forced: number, limit: number): PhaseDecision =>
    phaseDecisions.failed(
      'TooManyForcedSessions',
      `Sessions that were forced: ${forced}, and no more than ${limit} may be.`,
    ),
  targetGone: (restart: PanelRestart): PhaseDecision =>
    phaseDecisions.failed('TargetNotFound', `DaemonSet ${nameOf(restart)} was deleted during the restart.`),
  targetMissing: (restart: PanelRestart): PhaseDecision => {
    const message = `There is no DaemonSet ${nameOf(restart)} in namespace ${restart.metadata.namespace ?? ''}.`;
    return phaseDecision('Stalled', 'TargetNotFound', message, {
      stalled: true,
      ...firstEvent('Warning', 'TargetNotFound', message),
    });
  },
  /** It goes on by itself when a pod or its node gets the labels after all. */
  nothingSelected: (restart: PanelRestart): PhaseDecision => {
    const { podSelector, nodeSelector } = restart.spec;
    const which = [
      ...(podSelector === undefined ? [] : [`podSelector ${JSON.stringify(podSelector)}`]),
      ...(nodeSelector === undefined ? [] : [`nodeSelector ${JSON.stringify(nodeSelector)}`]),
    ].join(' and ');
    const message = `No pod of ${nameOf(restart)} is selected by ${which}, so nothing is restarted. Correct the labels, or delete this and ask again.`;
    return phaseDecision('Stalled', 'NothingSelected', message, {
      stalled: true,
      ...firstEvent('Warning', 'NothingSelected', message),
    });
  },
  scheduled: (restart: PanelRestart): PhaseDecision => {
    const message = `Starts at ${restart.spec.notBefore ?? ''}.`;
    return phaseDecision('Scheduled', 'Scheduled', message, firstEvent('Normal', 'Scheduled', message));
  },
  paused: (): PhaseDecision => {
    const message = 'Paused: no further pod is started until spec.paused is false.';
    return phaseDecision('Paused', 'Paused', message, firstEvent('Normal', 'Paused', message));
  },
  waiting: (rival: PanelRestart): PhaseDecision => {
    const message = `Waits until ${rival.metadata.name} is done with the same target.`;
    return phaseDecision('Waiting', 'Waiting', message, firstEvent('Normal', 'Waiting', message));
  },
  dryRun: (message: string): PhaseDecision =>
    phaseDecision('Succeeded', 'DryRun', message, { over: true, ...firstEvent('Normal', 'DryRun', message) }),
};

/** The events of a decision, unless the restart is in that phase already, for that reason. */
export function phaseEvents(restart: PanelRestart, taken: PhaseDecision): readonly RestartEvent[] {
  const before = restart.status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason;
  return restart.status?.phase === taken.phase && before === taken.reason ? [] : taken.events;
}
