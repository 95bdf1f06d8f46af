import type {
  CordonRequest,
  DrainRequest,
  DrainResponse,
  GateStatus,
  Receipt,
  RetireRequest,
  UncordonRequest,
} from '#proto/gate/v1/gate.js';

import type { Resource } from '#kube/api.js';
import type {
  ControllerRevision,
  DaemonSet,
  KubeNode,
  KubeObject,
  ObjectReference,
  OwnerReference,
  Pod,
  PodDisruptionBudget,
} from '#kube/objects.js';
import type { News } from '#kube/store.js';
import type { PanelRestart } from './panel-restart.js';
import type { RestartEvent } from './restart-event.js';

/** Where a gate listens. */
export interface GateAddress {
  readonly host: string;
  readonly port: number;
  /** Name to expect in its certificate, `<node>.node.panelet.dev`; the host itself when not set. */
  readonly serverName?: string;
}

/** Hears what a drain says. */
export interface DrainListener {
  onState(response: DrainResponse): void;
  /** Called once, last. No error after a drain that ended as it should. */
  onEnd(error?: Error): void;
}

/** A drain that is being heard. */
export interface DrainCall {
  /** Stops hearing it; the drain itself goes on. */
  stop(): void;
}

/** Calls to gates. Failures are PaneletErrors of code AGENT_UNREACHABLE, GATE_REFUSED or IDENTITY_REFUSED. */
export interface GateCalls {
  /** Of the workers of one host pod where `podUid` names it; undefined where none of them is there. */
  status(address: GateAddress, podUid?: string): Promise<GateStatus | undefined>;
  /** The receipt of a drain that is complete, else undefined; of a drain that named a pod when `podUid` is set. */
  receipt(address: GateAddress, restartUid: string, podUid?: string): Promise<Receipt | undefined>;
  cordon(address: GateAddress, request: CordonRequest): Promise<void>;
  uncordon(address: GateAddress, request: UncordonRequest): Promise<void>;
  /** Has the workers of a host pod retire. */
  retire(address: GateAddress, request: RetireRequest): Promise<void>;
  drain(address: GateAddress, request: DrainRequest, listener: DrainListener): DrainCall;
}

/** What is known of the cluster; may be behind, every write is conditional. */
export interface ClusterView {
  target(key: string): DaemonSet | undefined;
  /** Pods the target owns, also those that were taken out of it, but not those that retire. */
  podsOf(target: DaemonSet): readonly Pod[];
  /** What has happened to those since a look that said `upTo`. */
  podNewsOf(target: DaemonSet, upTo: number | undefined): News<Pod>;
  /** Pods that the restart of this uid has claimed or taken out of their DaemonSet, whatever owns them. */
  podsHeldBy(restartUid: string): readonly Pod[];
  /** Those of the target's pods that any restart has claimed or taken out, also one that is gone. */
  heldPodsOf(target: DaemonSet): readonly Pod[];
  /** Pods that retire and were of the target of this key, whatever owns them. */
  retiringOf(key: string): readonly Pod[];
  /** Restarts of the target of this key, finished ones too. */
  restartsOf(key: string): readonly PanelRestart[];
  /** Templates that the target has or had. */
  revisionsOf(target: DaemonSet): readonly ControllerRevision[];
  /** Budgets of the target's namespace. */
  budgetsOf(target: DaemonSet): readonly PodDisruptionBudget[];
  /** Every DaemonSet of the target's namespace. */
  targetsBeside(target: DaemonSet): readonly DaemonSet[];
  /** Nodes by name. */
  nodes(): Pick<ReadonlyMap<string, KubeNode>, 'get'>;
  /** Takes in the answer to a write, so that the next read is not older than it. */
  observe<T extends KubeObject>(resource: Resource<T>, object: T): void;
}

/** Tells people what happens, as events. Never fails and never waits. */
export interface Recorder {
  record(regarding: ObjectReference, event: RestartEvent, related?: ObjectReference): void;
}

/** What a reconciler knows of the lease its process holds. */
export interface Leadership {
  /** Rises with every change of leader; commands to gates carry it. */
  fencing(): number;
  /** The lease itself, which owns what is taken out of a DaemonSet; undefined while it is not known. */
  lease(): OwnerReference | undefined;
  /** The highest number that it may be raised to now. */
  fencingLimit(): number;
  /** Makes the number higher than `above`, after a lease that was lost with its count; not beyond the limit. */
  raise(above: number): Promise<void>;
}
