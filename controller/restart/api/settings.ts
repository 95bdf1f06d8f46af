import { Target } from '#proto/gate/v1/gate.js';

import type { DaemonSet } from '#kube/objects.js';
import { gateTargetAnnotation } from './annotations.js';
import { retireDefaultsOf } from './options.js';
import type { PanelRestart, TimeoutPolicy } from './panel-restart.js';

/** A restart's spec with its defaults filled in; times in milliseconds. */
export interface Settings {
  readonly noticeMs: number;
  /** How long the drain of one pod may take. */
  readonly timeoutMs: number;
  /** How long it may take at most under Wait; infinite when not limited. */
  readonly maxTimeoutMs: number;
  readonly onTimeout: TimeoutPolicy;
  readonly onUnreachable: TimeoutPolicy;
  readonly replacementTimeoutMs: number;
  readonly minReadyMs: number;
  /** Pods that may be away at once, a number, or a percentage of all pods. */
  readonly maxUnavailable: number | string;
  /** Pods that may have their replacement beside them at once, a number, or a percentage of all pods. */
  readonly maxSurge: number | string;
  /** True when `maxSurge` was asked for, and is not the default. */
  readonly isSurgeAskedFor: boolean;
  /** How long a replacement may take to serve beside the old pod. */
  readonly warmTimeoutMs: number;
  /** How long a replaced host may stay for its sessions; infinite when not limited. */
  readonly retireTimeoutMs: number;
  /** Replaced hosts that may stay on a node. */
  readonly maxRetiring: number;
  readonly maxForcedSessions: number;
  readonly maxFailedPods: number;
  /** What the gates drain. */
  readonly gateTarget: Target;
  /** Why; told to clients. */
  readonly reason: string;
}

/** Settings of a restart. The API server fills in the same defaults; they are repeated for objects older than a field. */
export function settingsOf(restart: PanelRestart, target: DaemonSet | undefined): Settings {
  const { strategy, failurePolicy, replacementTimeoutSeconds, reason } = restart.spec;
  const drain = { ...retireDefaultsOf(target), ...restart.spec.drain };
  const retireSeconds = drain.retireTimeoutSeconds ?? 7 * 86_400;
  return {
    noticeMs: (drain.noticeSeconds ?? 10) * 1000,
    timeoutMs: (drain.timeoutSeconds ?? 60) * 1000,
    maxTimeoutMs: (drain.maxTimeoutSeconds ?? Infinity) * 1000,
    onTimeout: drain.onTimeout ?? 'Abort',
    onUnreachable: drain.onUnreachable ?? 'Abort',
    replacementTimeoutMs: (replacementTimeoutSeconds ?? 300) * 1000,
    minReadyMs: (strategy?.minReadySeconds ?? 0) * 1000,
    maxUnavailable: strategy?.maxUnavailable ?? 1,
    maxSurge: strategy?.maxSurge ?? 1,
    isSurgeAskedFor: strategy?.maxSurge !== undefined,
    warmTimeoutMs: (strategy?.warmTimeoutSeconds ?? 60) * 1000,
    retireTimeoutMs: retireSeconds < 0 ? Infinity : retireSeconds * 1000,
    maxRetiring: drain.maxRetiring ?? 2,
    maxForcedSessions: failurePolicy?.maxForcedSessions ?? Infinity,
    maxFailedPods: failurePolicy?.maxFailedPods ?? 0,
    gateTarget: gateTargetOf(target),
    reason: reason ?? 'restart',
  };
}

/** What the gates of a target's pods drain. */
export function gateTargetOf(target: DaemonSet | undefined): Target {
  return target?.metadata.annotations?.[gateTargetAnnotation] === 'host' ? Target.HOST : Target.AGENT;
}
