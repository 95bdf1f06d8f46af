import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { KubeApi } from '#kube/api.js';
import type { ObjectReference, Pod } from '#kube/objects.js';
import type { RestartMetrics } from '../../metrics/restart-metrics.js';
import type { GateProviders } from '../facts/gate-provider.js';
import type { PanelRestart } from '../api/panel-restart.js';
import type { ClusterView, GateCalls, Leadership, Recorder } from '../api/ports.js';
import type { Settings } from '../api/settings.js';
import type { Action } from '../decide/snapshot.js';
import type { RestartAudit } from '../report/audit.js';
import type { DrainTimings } from '../report/drain-timings.js';
import type { TargetWriter } from '../request/target-writer.js';
import type { DrainStreams } from './drain-streams.js';

/** What an executor is made of. */
export interface ExecutorDeps {
  readonly api: KubeApi;
  readonly gates: GateCalls;
  readonly streams: DrainStreams;
  readonly targets: Pick<TargetWriter, 'annotate'>;
  readonly view: ClusterView;
  readonly recorder: Recorder;
  readonly leadership: Leadership;
  readonly log: Log;
  readonly audit: RestartAudit;
  readonly timings: DrainTimings;
  readonly metrics: Pick<RestartMetrics, 'warmDone'>;
  readonly clock: Pick<Clock, 'date'>;
}

/** What actions are done with. */
export interface ActionTools extends ExecutorDeps {
  /** Nodes on which a claim is being written. */
  readonly claiming: Set<string>;
}

/** For which restart an action is done. */
export interface ActionContext {
  readonly restart: PanelRestart;
  readonly settings: Settings;
  readonly gateProviders: GateProviders;
  /** What events are about. @default the restart */
  readonly regarding?: ObjectReference;
  /** Whether another target is being restarted on a node whose gate it shares, as of now. */
  readonly isBusy: (node: string) => boolean;
  /** Called when the drain of a pod gets further, with its uid. */
  readonly onNews: (podUid: string) => void;
}

/** What an action led to. */
export interface ActionResult {
  /** True when the world is another one now, so that the next steps have to be derived again at once. */
  readonly progress: boolean;
  /** When to try again, in milliseconds. */
  readonly retryInMs?: number;
}

/** The actions of one kind. */
export type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>;

/** The world is another one now. */
export const progress: ActionResult = { progress: true };

/** Nothing to look at again: what the action leads to will be heard of. */
export const quiet: ActionResult = { progress: false };

/** The action could not be done yet. */
export function retryIn(ms: number): ActionResult {
  return { progress: false, retryInMs: ms };
}

/** Something that may change any moment is looked at again after this. */
export const retrySoonMs = 500;

/** A pod as the log names it. */
export function nameOf(pod: Pod): { namespace: string | undefined; name: string } {
  return { namespace: pod.metadata.namespace, name: pod.metadata.name };
}
