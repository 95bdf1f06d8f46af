import type { Pod } from '#kube/objects.js';
import type { WarmOutcome } from '../../metrics/restart-metrics.js';
import { claimOf, type SurgeStage } from '../api/annotations.js';
import type { PanelRestart } from '../api/panel-restart.js';
import { uidOf } from '../facts/pods.js';
import type { ActionContext, ActionTools } from './action-tools.js';

/** Counts how the time in which a replacement starts ended, if the pod, as it was before it is written to, was in that time. */
export function tellWarmEnd(
  { metrics, clock }: ActionTools,
  { restart, settings }: ActionContext,
  pod: Pod,
  next: SurgeStage,
): void {
  const claim = claimOf(pod);
  if (claim?.surge !== 'warm') return;
  const tookMs = clock.date().getTime() - (Date.parse(claim.deadline) - settings.warmTimeoutMs);
  metrics.warmDone(next === 'beside' || next === 'alone' ? next : outcomeOf(restart, pod), Math.max(0, tookMs));
}

const outcomes: Readonly<Record<string, WarmOutcome>> = {
  NoRoom: 'noRoom',
  ReplacementStuck: 'stuck',
  NodeUnreachable: 'unreachable',
};

/** Why a pod is given back: what it failed by, if it did. */
function outcomeOf({ status }: PanelRestart, pod: Pod): WarmOutcome {
  const failure = status?.failures?.find(({ uid }) => uid === uidOf(pod));
  return outcomes[failure?.reason ?? ''] ?? 'calledOff';
}
