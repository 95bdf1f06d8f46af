import type { KubeObject } from '#kube/objects.js';

/** Annotation on a target: a new value asks for a restart. */
export const restartAnnotation = 'panelet.dev/restart';
/** Annotation on a target: `<counter>:<value>` of the last request that was taken up. Written by the controller. */
export const observedAnnotation = 'panelet.dev/restart-observed';
/**
 * Annotation on a target: `<phase>:<value>` of the last request once it is over, such as `Succeeded:1795867200`, or
 * `Refused:<value>` of one from which no restart was made. Written by the controller.
 */
export const resultAnnotation = 'panelet.dev/restart-result';
/** Annotation on a target: what is wrong with the request in its annotations. Written by the controller. */
export const errorAnnotation = 'panelet.dev/restart-error';
/** Annotation on a target: why; told to clients. */
export const reasonAnnotation = 'panelet.dev/restart-reason';
/** Annotation on a target: how long the drain of one pod may take, as `90s`, `5m` or a number of seconds. */
export const drainTimeoutAnnotation = 'panelet.dev/drain-timeout';
/** Annotation on a target: how long sessions are told before they are frozen, as `5s`, `1m` or a number of seconds. */
export const noticeAnnotation = 'panelet.dev/notice';
/** Annotation on a target: Force, Wait or Abort. */
export const onTimeoutAnnotation = 'panelet.dev/on-timeout';
/** Annotation on a target: pods that may be away at once, a number or a percentage. */
export const maxUnavailableAnnotation = 'panelet.dev/max-unavailable';
/** Annotation on a target: pods that may have their replacement beside them at once, a number or a percentage. */
export const maxSurgeAnnotation = 'panelet.dev/max-surge';
/** Annotation on a target: how long a replacement beside the old pod may take to serve, as `90s`, `5m` or a number of seconds. */
export const warmTimeoutAnnotation = 'panelet.dev/warm-timeout';
/** Annotation on a target of hosts: how long a replaced pod may stay for its sessions, as `7d`, `12h` or a number of seconds; `0` or `-1`. */
export const retireTimeoutAnnotation = 'panelet.dev/retire-timeout';
/** Annotation on a target of hosts: how many replaced pods may stay on a node at once. */
export const maxRetiringAnnotation = 'panelet.dev/max-retiring';
/** Annotation on a target: which label of its selector takes a pod out of it, so that its replacement is made beside it. */
export const detachLabelAnnotation = 'panelet.dev/detach-label';
/** Annotation on a pod and on the template: format in which its workers hand sessions over to newer ones beside them. */
export const handoverAnnotation = 'panelet.dev/handover';
/** Annotation on a target: what to do with a pod whose gate does not answer by the deadline; Force, Wait or Abort. */
export const onUnreachableAnnotation = 'panelet.dev/on-unreachable';
/** Annotation on a target: `managed` has a changed pod template rolled out by the controller. */
export const rolloutAnnotation = 'panelet.dev/rollout';
/** Annotation on a target: `<revision>:<hash>` of the last template that was taken up. Written by the controller. */
export const rolloutObservedAnnotation = 'panelet.dev/rollout-observed';
/** Annotation on a target: why its changed template is not rolled out. Written by the controller. */
export const rolloutErrorAnnotation = 'panelet.dev/rollout-error';
/** Annotation on a PanelRestart that came from a changed template: its `<revision>:<hash>`. */
export const rolloutRevisionAnnotation = 'panelet.dev/rollout-revision';
/** Annotation on a PanelRestart that rolls a template out again after others failed: the number of the attempt, from 2. */
export const rolloutAttemptAnnotation = 'panelet.dev/rollout-attempt';
/** Annotation on a target and on the PanelRestarts made from it: who asked. */
export const requestedByAnnotation = 'panelet.dev/requested-by';
/** Annotation on a target: name of the DaemonSet whose pod on the same node answers for the gates of its pods. */
export const gateDaemonSetAnnotation = 'panelet.dev/gate-daemonset';
/** Annotation on a target: what its pods' gates drain, `agent` (the default) or `host`. */
export const gateTargetAnnotation = 'panelet.dev/gate-target';
/** Annotation on a PanelRestart that came from an annotation: the value that asked for it. */
export const requestedAnnotation = 'panelet.dev/restart-requested';
/** Annotation on a pod: which restart has it. Written by the controller. */
export const claimAnnotation = 'panelet.dev/claim';
/** Label on a pod that was taken out of its DaemonSet: uid of the restart that did. Written by the controller. */
export const detachedLabel = 'panelet.dev/detached';
/** Label on a pod that was replaced and stays until its last session has ended: `true`. Written by the controller. */
export const retiringLabel = 'panelet.dev/retiring';
/** Annotation on a pod that retires: when what is left of its sessions ends, RFC 3339, or `never`. Written by the controller once, then by people. */
export const retireAtAnnotation = 'panelet.dev/retire-at';
/** Annotation on a pod that retires: which restart replaced it, and which target it was of. Written by the controller. */
export const retirementAnnotation = 'panelet.dev/retirement';
/** Annotation on a pod that a DaemonSet does not control: the cluster-autoscaler counts it as a DaemonSet's all the same. */
export const daemonSetPodAnnotation = 'cluster-autoscaler.kubernetes.io/daemonset-pod';
/** Finalizer of a PanelRestart: what it cordoned is uncordoned before it goes. */
export const uncordonFinalizer = 'panelet.dev/uncordon';

/**
 * How far a pod is that was taken out of its DaemonSet: `warm` while its replacement starts beside it, `beside` once that
 * serves, `alone` where none comes, `back` while it is given back.
 */
export type SurgeStage = 'warm' | 'beside' | 'alone' | 'back';

const stages: ReadonlySet<unknown> = new Set<SurgeStage>(['warm', 'beside', 'alone', 'back']);

/** A restart's hold on a pod; of one that was taken out of its DaemonSet it is written anew at each stage. */
export interface Claim {
  /** Uid of the restart. */
  readonly restart: string;
  /** When the stage, of an ordinary pod its drain, has to be over, RFC 3339. */
  readonly deadline: string;
  /** Fencing number of the leader that claimed. */
  readonly fencing: number;
  /** Generation of the restart's spec then. */
  readonly generation: number;
  /** Of a pod that was taken out of its DaemonSet. */
  readonly surge?: SurgeStage;
}

/** The claim on a pod; undefined when there is none or it is not readable. */
export function claimOf(pod: KubeObject): Claim | undefined {
  const text = pod.metadata.annotations?.[claimAnnotation];
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Claim> | null;
    if (typeof value?.restart !== 'string' || typeof value.deadline !== 'string') return undefined;
    if (Number.isNaN(Date.parse(value.deadline))) return undefined;
    return {
      restart: value.restart,
      deadline: value.deadline,
      fencing: value.fencing ?? 0,
      generation: value.generation ?? 0,
      ...(stages.has(value.surge) && value.surge !== undefined ? { surge: value.surge } : {}),
    };
  } catch {
    return undefined;
  }
}

/** Uid of the restart that took a pod out of its DaemonSet; undefined of one that is in it. */
export function detachedBy(pod: KubeObject): string | undefined {
  const uid = pod.metadata.labels?.[detachedLabel];
  return uid === '' ? undefined : uid;
}
