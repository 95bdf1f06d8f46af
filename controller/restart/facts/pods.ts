import type { KubeNode, KubeObject, LabelSelector, LooseCondition, Pod } from '#kube/objects.js';

/** Milliseconds since the epoch of an RFC 3339 time; undefined when there is none or it is not readable. */
export function timeMs(text: string | undefined): number | undefined {
  const ms = text === undefined ? NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** When an object was made, in milliseconds since the epoch; 0 when it does not say. */
export function createdMs(object: KubeObject): number {
  return timeMs(object.metadata.creationTimestamp) ?? 0;
}

/** Uid of an object. Everything read from an API server has one. */
export function uidOf(object: KubeObject): string {
  return object.metadata.uid ?? '';
}

/** True once a delete was asked for. */
export function isTerminating(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

function readyCondition(object: Pod | KubeNode): LooseCondition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === 'Ready');
}

/** True while the kubelet says the pod is ready. */
export function isPodReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === 'True';
}

/** When the pod became ready, in milliseconds since the epoch; 0 when it does not say. */
export function readySinceMs(pod: Pod): number {
  return timeMs(readyCondition(pod)?.lastTransitionTime) ?? 0;
}

/** True when the node is known and its kubelet is not heard. An unknown node is not taken for a dead one. */
export function isNodeDown(node: KubeNode | undefined): boolean {
  const condition = node === undefined ? undefined : readyCondition(node);
  return condition !== undefined && condition.status !== 'True';
}

/** True when labels meet a selector, as Kubernetes reads it. */
export function matchesSelector(
  labels: Readonly<Record<string, string>> | undefined,
  selector: LabelSelector | undefined,
): boolean {
  const own = labels ?? {};
  const byLabel = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => own[key] === value);
  const byExpression = (selector?.matchExpressions ?? []).every(({ key, operator, values }) => {
    const value = own[key];
    switch (operator) {
      case 'In':
        return value !== undefined && (values ?? []).includes(value);
      case 'NotIn':
        return value === undefined || !(values ?? []).includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
    }
  });
  return byLabel && byExpression;
}

/** Why a pod's gate cannot be asked. */
export interface Cause {
  readonly reason: 'NodeUnreachable' | 'AgentCrashLooping' | 'AgentUnreachable';
  readonly message: string;
}

/** Names the reason behind a gate that does not answer. */
export function causeOf(pod: Pod, node: KubeNode | undefined, message: string): Cause {
  const name = pod.metadata.name;
  if (isNodeDown(node)) {
    const where = pod.spec?.nodeName ?? 'its node';
    return {
      reason: 'NodeUnreachable',
      message: `Node ${where} of pod ${name} is not ready; its kubelet is not heard.`,
    };
  }
  const looping = pod.status?.containerStatuses?.find(
    (container) => container.state?.waiting?.reason === 'CrashLoopBackOff',
  );
  if (looping !== undefined) {
    return {
      reason: 'AgentCrashLooping',
      message: `Container ${looping.name} of pod ${name} keeps crashing; see kubectl logs --previous.`,
    };
  }
  return { reason: 'AgentUnreachable', message: `The gate of pod ${name} does not answer: ${message}` };
}
