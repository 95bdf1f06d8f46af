import type { Resource } from '#kube/api.js';
import type { Condition, KubeObject, LabelSelector } from '#kube/objects.js';
import type { SurgeStage } from './annotations.js';

/** What happens at a timeout. */
export type TimeoutPolicy = 'Force' | 'Wait' | 'Abort';

/** What is asked for; charts/panelet/files/panelrestarts.yaml describes each field and its default. */
export interface PanelRestartSpec {
  readonly targetRef: { readonly apiVersion?: 'apps/v1'; readonly kind?: 'DaemonSet'; readonly name: string };
  readonly podSelector?: LabelSelector;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly reason?: string;
  readonly notBefore?: string;
  readonly strategy?: {
    readonly maxSurge?: number | string;
    readonly maxUnavailable?: number | string;
    readonly minReadySeconds?: number;
    readonly warmTimeoutSeconds?: number;
  };
  readonly drain?: {
    readonly noticeSeconds?: number;
    readonly timeoutSeconds?: number;
    readonly maxTimeoutSeconds?: number;
    readonly onTimeout?: TimeoutPolicy;
    readonly onUnreachable?: TimeoutPolicy;
    readonly retireTimeoutSeconds?: number;
    readonly maxRetiring?: number;
  };
  readonly replacementTimeoutSeconds?: number;
  readonly failurePolicy?: { readonly maxForcedSessions?: number; readonly maxFailedPods?: number };
  readonly paused?: boolean;
  readonly abort?: boolean;
  readonly ttlSecondsAfterFinished?: number;
  readonly dryRun?: boolean;
}

/** Where a restart is, for people. */
export type Phase =
  | 'Pending'
  | 'Scheduled'
  | 'Waiting'
  | 'Running'
  | 'Paused'
  | 'Stalled'
  | 'Stopping'
  | 'Succeeded'
  | 'Failed'
  | 'Aborted'
  | 'Superseded';

/** How far a pod under way is. */
export type PodStep = 'Warm' | 'Returning' | 'Retiring' | 'Cordoned' | 'Draining' | 'Drained' | 'Killed' | 'Replaced';

/** What the agent stated about its drain, or why the pod is deleted without that. */
export interface RecordedReceipt {
  readonly instance?: string;
  readonly digest?: string;
  readonly kept?: number;
  readonly finished?: number;
  readonly checkpointed?: number;
  readonly moved?: number;
  readonly forced?: number;
  readonly tookMilliseconds?: number;
  readonly withoutReceipt?: string;
}

/** A pod under way. */
export interface ActivePod {
  readonly pod: string;
  readonly uid: string;
  readonly node?: string;
  readonly step: PodStep;
  readonly since?: string;
  readonly deadline?: string;
  readonly gateState?: string;
  readonly sessions?: number;
  readonly replacement?: string;
  /** Of a pod that was taken out of its DaemonSet. */
  readonly surge?: SurgeStage;
  readonly receipt?: RecordedReceipt;
  readonly holders?: readonly string[];
  readonly message?: string;
}

/** A pod that could not be restarted. */
export interface FailedPod {
  readonly pod: string;
  readonly uid: string;
  readonly node?: string;
  readonly reason: string;
  readonly message?: string;
  readonly time?: string;
}

/** Pods by how far they are. */
export interface PodCounts {
  readonly total: number;
  readonly pending: number;
  readonly warm: number;
  readonly cordoned: number;
  readonly draining: number;
  readonly killed: number;
  readonly replaced: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Replaced, and there until their last session has ended. */
  readonly retiring?: number;
  readonly summary: string;
}

/** Sessions by how they came through. */
export interface SessionTotals {
  readonly kept: number;
  readonly finished: number;
  readonly checkpointed: number;
  readonly moved: number;
  readonly resumed: number;
  readonly forced: number;
  readonly lost: number;
  readonly summary: string;
}

/** What has been done. */
export interface PanelRestartStatus {
  readonly observedGeneration?: number;
  readonly target?: string;
  readonly phase?: Phase;
  readonly conditions?: readonly Condition[];
  readonly pods?: PodCounts;
  readonly sessions?: SessionTotals;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly heartbeatTime?: string;
  readonly expectedCompletionTime?: string;
  readonly active?: readonly ActivePod[];
  readonly failures?: readonly FailedPod[];
}

/** A request to restart a target's pods, and how it goes. */
export interface PanelRestart extends KubeObject {
  readonly spec: PanelRestartSpec;
  readonly status?: PanelRestartStatus;
}

/** PanelRestarts. */
export const panelRestarts: Resource<PanelRestart> = {
  group: 'panelet.dev',
  version: 'v1alpha1',
  plural: 'panelrestarts',
  kind: 'PanelRestart',
  namespaced: true,
};

/** True once nothing more is done but tidying up. */
export function isFinished(restart: PanelRestart): boolean {
  return restart.status?.completionTime !== undefined;
}
