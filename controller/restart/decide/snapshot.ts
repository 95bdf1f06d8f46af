import type { GateStatus, Receipt } from '#proto/gate/v1/gate.js';

import type { DaemonSet, KubeNode, Pod, PodDisruptionBudget } from '#kube/objects.js';
import type { Claim } from '../api/annotations.js';
import type { Revision } from '../facts/revisions.js';
import type { PodRetirement } from '../api/retirement.js';
import type { PodName } from '../facts/host-pods.js';
import type { RetiringList } from '../facts/retiring-list.js';
import type { PanelRestart, PanelRestartStatus, RecordedReceipt } from '../api/panel-restart.js';
import type { RestartEvent } from '../api/restart-event.js';
import type { GateProviders } from '../facts/gate-provider.js';
import type { TargetPods } from '../facts/target-pods.js';

/** What a pod's gate answered. No answer is never read as drained. */
export type GateView =
  | { readonly kind: 'answered'; readonly status: GateStatus; readonly receipt: Receipt | undefined }
  | {
      readonly kind: 'unreachable';
      readonly message: string;
      /** True when the gate answers, and no worker of the pod is there: it has no session. */
      readonly isWithoutWorkers?: boolean;
    };

/** Everything the next steps of a restart are derived from. */
export interface Snapshot {
  readonly restart: PanelRestart;
  readonly target: DaemonSet | undefined;
  /** The target's pods, also those that are going. */
  readonly pods: TargetPods;
  /** Pods of the target that were replaced and stay for their sessions; none of `pods`. */
  readonly retiring: RetiringList;
  /** Those that are still to be restarted, in order. */
  readonly outstanding: readonly Pod[];
  readonly nodes: Pick<ReadonlyMap<string, KubeNode>, 'get'>;
  /** Other restarts of the same target that are not finished. */
  readonly rivals: readonly PanelRestart[];
  /** The template that the target has now; undefined while that is not known. */
  readonly newest: Revision | undefined;
  /** Budgets of the namespace. */
  readonly budgets: readonly PodDisruptionBudget[];
  /** Pods that answer for the gates of the target's pods, by node; undefined where each answers for itself. */
  readonly gateProviders: GateProviders;
  /** Nodes on which another target that shares the gate is being restarted, with the name of that restart. */
  readonly busyNodes: ReadonlyMap<string, string>;
  /** What it waits for on every node, in a sentence, if it is a rollout. */
  readonly rolloutAhead: string | undefined;
  /** By uid of the pod; a pod that was not asked is missing. */
  readonly gates: ReadonlyMap<string, GateView>;
  /** Wall-clock time, compared with the times in objects. */
  readonly now: Date;
  /** How long this leader has watched the restart or the claim on the pod of this uid, in monotonic milliseconds. */
  readonly watchedMs: (uid: string) => number;
  /** Fencing number of this leader. */
  readonly fencing: number;
  /** The highest number that it may be raised to now because of what a node says. */
  readonly fencingLimit: number;
}

/** Something to do in the world. Each may be repeated without harm. */
export type Action =
  | { readonly kind: 'addFinalizer' }
  | { readonly kind: 'removeFinalizer' }
  | { readonly kind: 'removeRestart' }
  /** The target says what became of its request. */
  | { readonly kind: 'report'; readonly target: DaemonSet; readonly result: string }
  | { readonly kind: 'claim'; readonly pod: Pod; readonly claim: Claim; readonly event: RestartEvent }
  /** Takes a pod out of its DaemonSet, so that its replacement is made beside it, with the claim, in one. */
  | {
      readonly kind: 'detach';
      readonly pod: Pod;
      readonly target: DaemonSet;
      readonly claim: Claim;
      readonly event: RestartEvent;
    }
  /** The next stage of a pod that was taken out. */
  | { readonly kind: 'stage'; readonly pod: Pod; readonly claim: Claim; readonly event?: RestartEvent }
  /** Gives a pod back to its DaemonSet, which then removes the newer one. */
  | {
      readonly kind: 'putBack';
      readonly pod: Pod;
      readonly target: DaemonSet;
      /** The newer pod and the receipt that it has given; not set where it has nothing to lose. */
      readonly drained?: { readonly newer: Pod; readonly receipt: Receipt; readonly name?: PodName };
      readonly uncordon: boolean;
      readonly name?: PodName;
      readonly event: RestartEvent;
    }
  | {
      readonly kind: 'release';
      readonly pod: Pod;
      readonly uncordon: boolean;
      readonly name?: PodName;
      readonly event: RestartEvent;
    }
  /** A pod that was taken out of its DaemonSet is replaced; it stays for its sessions, and no restart has it any more. */
  | {
      readonly kind: 'retire';
      readonly pod: Pod;
      readonly retirement: PodRetirement;
      /** Milliseconds since the epoch; infinite for no limit. */
      readonly untilMs: number;
      readonly event: RestartEvent;
    }
  /** The gate is told that a pod retires, and until when; at once where it has said that it knows, differently. */
  | { readonly kind: 'tellRetired'; readonly pod: Pod; readonly untilMs: number }
  /** A pod that retires is owned by what is there now. */
  | { readonly kind: 'adopt'; readonly pod: Pod; readonly target: DaemonSet }
  | { readonly kind: 'cordon'; readonly pod: Pod; readonly name?: PodName; readonly renewal: boolean }
  | { readonly kind: 'drain'; readonly pod: Pod; readonly name?: PodName; readonly timeoutMs: number }
  | {
      readonly kind: 'delete';
      readonly name?: PodName;
      readonly pod: Pod;
      readonly receipt: RecordedReceipt;
      /** True when a budget has its say. */
      readonly evict: boolean;
      readonly event: RestartEvent;
    }
  /** The pod is gone, and its gate, which is another pod's, is to serve the one that takes its place. */
  | { readonly kind: 'reopen'; readonly gate: Pod; readonly name?: PodName }
  | { readonly kind: 'raiseFencing'; readonly above: number };

/** What to do next. */
export interface Decision {
  /** The status as it should be; undefined when it is not to be touched. */
  readonly status: PanelRestartStatus | undefined;
  /** Told once the status is written. */
  readonly events: readonly RestartEvent[];
  /** In order. */
  readonly actions: readonly Action[];
  /** Uids of pods whose gates have to be asked again soon, because nobody tells when their answer changes. */
  readonly askAgain: readonly string[];
  /** When to look again although nothing changed; undefined when only a change matters. */
  readonly requeueAfterMs: number | undefined;
}
