import type { Affinity, Toleration } from '#common/daemon-placement.js';
import type { StoredObject, StoredMeta } from '../store/kube-object.js';

/** One variable of a container. */
export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } } & Readonly<Record<string, unknown>>;
}

/** How a probe asks. Exactly one way is set. */
export interface Probe {
  readonly grpc?: { readonly port: number | string; readonly service?: string };
  readonly tcpSocket?: { readonly port: number | string; readonly host?: string };
  readonly httpGet?: {
    readonly port: number | string;
    readonly path?: string;
    readonly host?: string;
    readonly scheme?: string;
  };
  readonly exec?: { readonly command: readonly string[] };
  /** @default 0 */
  readonly initialDelaySeconds?: number;
  /** @default 10 */
  readonly periodSeconds?: number;
  /** @default 1 */
  readonly timeoutSeconds?: number;
  /** @default 1 */
  readonly successThreshold?: number;
  /** @default 3 */
  readonly failureThreshold?: number;
}

/** Amounts by resource, such as `cpu: 500m`. */
export type Quantities = Readonly<Record<string, string>>;

/** A port that a container listens at. */
export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly protocol?: string;
}

/** One container of a pod: here, one local process. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly ContainerPort[];
  readonly resources?: { readonly requests?: Quantities; readonly limits?: Quantities };
  /** Only of an init container: `Always` for one that runs beside the others. */
  readonly restartPolicy?: 'Always';
  readonly readinessProbe?: Probe;
}

/** What a pod should be. */
export interface PodSpec {
  readonly nodeName?: string;
  readonly schedulerName?: string;
  readonly hostNetwork?: boolean;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  readonly terminationGracePeriodSeconds?: number;
  readonly readinessGates?: readonly { readonly conditionType: string }[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  readonly serviceAccountName?: string;
  readonly affinity?: Affinity;
}

/** One condition of a pod. */
export interface PodCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastProbeTime?: string | null;
  readonly lastTransitionTime?: string;
}

/** State of a container; exactly one of the three is set. */
export interface StoredContainerState {
  readonly waiting?: { readonly reason: string; readonly message?: string };
  readonly running?: { readonly startedAt: string };
  readonly terminated?: ContainerTermination;
}

/** How a container ended. */
export interface ContainerTermination {
  readonly exitCode: number;
  readonly signal?: number | undefined;
  readonly reason: string;
  readonly message?: string | undefined;
  readonly startedAt: string | null;
  readonly finishedAt: string;
  readonly containerID?: string | undefined;
}

/** Status of one container. */
export interface StoredContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly containerID?: string;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restartCount: number;
  readonly state: StoredContainerState;
  readonly lastState: StoredContainerState;
}

/** What a pod is. */
export interface PodStatus {
  phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  reason?: string;
  message?: string;
  conditions?: readonly PodCondition[];
  containerStatuses?: readonly StoredContainerStatus[];
  hostIP?: string;
  hostIPs?: readonly { readonly ip: string }[];
  podIP?: string;
  podIPs?: readonly { readonly ip: string }[];
  startTime?: string;
  qosClass?: string;
  observedGeneration?: number;
}

/** A pod. */
export interface StoredPod extends StoredObject {
  spec: PodSpec;
  status?: PodStatus;
}

/** Metadata and spec of the pods that a controller makes. */
export interface PodTemplate {
  readonly metadata?: Partial<StoredMeta>;
  readonly spec: PodSpec;
}

/** True once a pod's containers have ended for good. */
export function isTerminal(pod: StoredPod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** The condition of that type. */
export function podCondition(pod: StoredPod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}
