import { placeOn } from '#common/daemon-placement.js';
import type { DaemonSet, KubeNode, LooseCondition, Pod } from '#kube/objects.js';
import { Target } from '#proto/gate/v1/gate.js';
import { detachLabelAnnotation, handoverAnnotation } from '../api/annotations.js';
import type { Settings } from '../api/settings.js';
import { hasNeverRun, waitingReasonOf } from './containers.js';
import { isPodReady } from './pods.js';

/** A label of a DaemonSet's selector without which a pod is out of it. */
export interface DetachLabel {
  readonly key: string;
  readonly value: string;
}

/** The label that a target names for taking pods out of it; undefined when it names none, or none of its selector. */
export function detachLabelOf({ metadata, spec }: DaemonSet): DetachLabel | undefined {
  const key = metadata.annotations?.[detachLabelAnnotation];
  const value = key === undefined ? undefined : spec?.selector?.matchLabels?.[key];
  return key === undefined || value === undefined ? undefined : { key, value };
}

/** What is asked about a pod that might have its replacement beside it. */
export interface SurgeQuestion {
  readonly target: DaemonSet;
  readonly pod: Pod;
  readonly settings: Settings;
  /** True when the pod has a gate of its own, not one that answers for others too. */
  readonly hasOwnGate: boolean;
  /** True when its sessions may stay in it once its replacement serves. */
  readonly canRetire: boolean;
}

/**
 * Why a pod cannot have its replacement beside it, as the end of a sentence about it; undefined when it can. Sessions have to be able
 * to move from one to the other, or may stay where they are, and nobody else may have to make room.
 */
export function surgeProblem({ target, pod, settings, hasOwnGate, canRetire }: SurgeQuestion): string | undefined {
  const label = detachLabelOf(target);
  if (settings.maxSurge === 0) return 'maxSurge is 0';
  if (settings.gateTarget === Target.HOST) {
    if (settings.retireTimeoutMs === 0) return 'the sessions of hosts do not move, and retireTimeoutSeconds is 0';
    if (!canRetire) return 'the sessions of hosts do not move, and its agent does not tell hosts of a node apart';
  } else if (!hasOwnGate) return 'another pod answers for its gate';
  if (label === undefined)
    return `its DaemonSet names no label of its selector in the annotation ${detachLabelAnnotation}`;
  if (pod.metadata.labels?.[label.key] !== label.value) return `it has no label ${label.key}`;
  if (!isPodReady(pod)) return 'it is not ready';
  const format = pod.metadata.annotations?.[handoverAnnotation];
  const newFormat = target.spec?.template?.metadata?.annotations?.[handoverAnnotation];
  if (format === undefined || format !== newFormat) {
    return `it hands sessions over as ${format ?? 'none'}, and its replacement would as ${newFormat ?? 'none'}`;
  }
  return roomProblem(pod, settings);
}

/** What two pods of a node cannot both have. */
function roomProblem({ spec }: Pod, settings: Settings): string | undefined {
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const isTaken = ports.some(({ hostPort = 0 }) => hostPort > 0) || (spec?.hostNetwork === true && ports.length > 0);
  if (isTaken) return 'it has a port of its node';
  // Kubernetes sets a policy on every pod; it matters where there is a class.
  const preempts = (spec?.priorityClassName ?? '') !== '' && spec?.preemptionPolicy !== 'Never';
  return preempts && !settings.isSurgeAskedFor
    ? `its priority class ${spec?.priorityClassName ?? ''} may drive others away, and maxSurge was not asked for`
    : undefined;
}

/** Whether a target makes pods on a node, as far as its node selector and taints tell; true where the node is not known. */
export function isWantedOn(target: DaemonSet, node: KubeNode | undefined): boolean {
  const spec = target.spec?.template?.spec;
  return node === undefined || spec === undefined || placeOn(node, spec).shouldRun;
}

/**
 * True when what keeps a replacement away is nothing of its own: none could be made, no node has room, or there is no sandbox for it, as
 * where addresses have run out.
 */
export function hasNoRoom(replacement: Pod | undefined): boolean {
  if (replacement === undefined || conditionOf(replacement, 'PodScheduled', 'False') !== undefined) return true;
  const hasSandbox = conditionOf(replacement, 'PodReadyToStartContainers', 'True') !== undefined;
  return hasNeverRun(replacement) && waitingReasonOf(replacement) === undefined && !hasSandbox;
}

/** Why a pod waits, in its scheduler's words, with a space before them; empty where it says none. */
export function schedulerText(replacement: Pod | undefined): string {
  const said = replacement && conditionOf(replacement, 'PodScheduled', 'False')?.message;
  return said === undefined || said === '' ? '' : ` ${said}`;
}

function conditionOf({ status: podStatus }: Pod, type: string, status: 'True' | 'False'): LooseCondition | undefined {
  return podStatus?.conditions?.find((condition) => condition.type === type && condition.status === status);
}
