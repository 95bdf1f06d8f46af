import { isPaneletError, PaneletError, unreachable } from '#common/errors/errors.js';
import { msToDuration } from '#common/time/duration.js';
import type { Log } from '#common/log.js';
import { OnTimeout, type Command } from '#proto/gate/v1/gate.js';

import { keyOf, objectKey, pods as podResource, type KubeApi, type Preconditions } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import { claimAnnotation, resultAnnotation, uncordonFinalizer } from '../api/annotations.js';
import type { RestartAudit } from '../report/audit.js';
import type { DrainTimings } from '../report/drain-timings.js';
import type { DrainStreams } from './drain-streams.js';
import { gateAddressOf, gatePodOf, type GateProviders } from '../facts/gate-provider.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import { cordonLeaseMs } from '../decide/pod-step.js';
import type { ClusterView, GateAddress, GateCalls, Leadership, Recorder } from '../api/ports.js';
import { referenceTo } from '../api/references.js';
import type { Settings } from '../api/settings.js';
import type { TargetWriter } from '../request/target-writer.js';

import { panelRestarts, type PanelRestart, type TimeoutPolicy } from '../api/panel-restart.js';
import type { Action } from '../decide/snapshot.js';

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
}

/** For which restart an action is done. */
export interface ActionContext {
  readonly restart: PanelRestart;
  readonly settings: Settings;
  readonly gateProviders: GateProviders;
  /** Whether another target is being restarted on a node whose gate it shares, as of now. */
  readonly isBusy: (node: string) => boolean;
  /** Called when a drain gets further. */
  readonly onChange: () => void;
}

/** What an action led to. */
export interface ActionResult {
  /** True when the world is another one now, so that the next steps have to be derived again at once. */
  readonly progress: boolean;
  /** When to try again, in milliseconds. */
  readonly retryInMs?: number;
}

/** Does what {@link Action}s say. */
export interface Executor {
  execute(context: ActionContext, action: Action): Promise<ActionResult>;
}

const policies: Record<TimeoutPolicy, OnTimeout> = {
  Force: OnTimeout.FORCE,
  Abort: OnTimeout.ABORT,
  Wait: OnTimeout.WAIT,
};

/** An eviction that was refused is tried again after this. */
const evictAgainMs = 10_000;

function nameOf(pod: Pod): { namespace: string | undefined; name: string } {
  return { namespace: pod.metadata.namespace, name: pod.metadata.name };
}

const quiet: ActionResult = { progress: false };
const progress: ActionResult = { progress: true };

function mustHaveAddress({ gateProviders }: ActionContext, pod: Pod): GateAddress {
  const address = gateAddressOf(gatePodOf(gateProviders, pod));
  if (address !== undefined) return address;
  throw new PaneletError('AGENT_UNREACHABLE', `No gate answers for pod ${keyOf(pod)}: no IP, or no port named gate.`);
}

/** Does the writes and calls of a restart. Every write is conditional, so that a late one does nothing. */
export function createExecutor(deps: ExecutorDeps): Executor {
  const { api, gates, streams, view, recorder, leadership, log, audit, timings } = deps;
  const claiming = new Set<string>();

  const commandOf = ({ restart }: ActionContext): Command => ({
    restartUid: uidOf(restart),
    fencing: leadership.fencing(),
    generation: restart.metadata.generation ?? 0,
  });

  const patchPod = async (pod: Pod, claim: string | null): Promise<void> => {
    const { resourceVersion } = pod.metadata;
    const metadata = { resourceVersion, uid: uidOf(pod), annotations: { [claimAnnotation]: claim } };
    view.observe(podResource, await api.patch(podResource, objectKey(pod), { metadata }));
  };

  const patchFinalizers = async ({ restart }: ActionContext, finalizers: readonly string[]): Promise<void> => {
    const { resourceVersion } = restart.metadata;
    const patch = { metadata: { resourceVersion, uid: uidOf(restart), finalizers } };
    view.observe(panelRestarts, await api.patch(panelRestarts, objectKey(restart), patch));
  };

  const tell = ({ restart }: ActionContext, action: Extract<Action, { event: unknown }>): void => {
    recorder.record(referenceTo(panelRestarts, restart), action.event, referenceTo(podResource, action.pod));
  };

  /** A call to a gate that may fail without harm: the next look at it decides. */
  const tryGate = async (pod: Pod, call: () => Promise<void>): Promise<ActionResult> => {
    try {
      await call();
      return progress;
    } catch (error) {
      if (!isPaneletError(error)) throw error;
      log.info({ err: error, pod: nameOf(pod) }, 'gate call failed');
      return { progress: false, retryInMs: 500 };
    }
  };

  const cordon = async (context: ActionContext, pod: Pod, renewal: boolean): Promise<ActionResult> => {
    const result = await tryGate(pod, () =>
      gates.cordon(mustHaveAddress(context, pod), {
        command: commandOf(context),
        lease: msToDuration(cordonLeaseMs),
        reason: context.settings.reason,
        target: context.settings.gateTarget,
      }),
    );
    return renewal && result.progress ? quiet : result;
  };

  const drain = (context: ActionContext, pod: Pod, timeoutMs: number): ActionResult => {
    const address = gateAddressOf(gatePodOf(context.gateProviders, pod));
    if (address === undefined) return { progress: false, retryInMs: 500 };
    const { settings, onChange } = context;
    const request = {
      command: commandOf(context),
      target: settings.gateTarget,
      notice: msToDuration(Math.min(settings.noticeMs, timeoutMs)),
      timeout: msToDuration(timeoutMs),
      onTimeout: policies[settings.onTimeout],
      reason: settings.reason,
      lease: msToDuration(cordonLeaseMs),
    };
    const waitMs = streams.ensure({ uid: uidOf(pod), address, request, onChange });
    return waitMs > 0 ? { progress: false, retryInMs: waitMs } : quiet;
  };

  const release = async (
    context: ActionContext,
    action: Extract<Action, { kind: 'release' }>,
  ): Promise<ActionResult> => {
    const { pod } = action;
    streams.stop(uidOf(pod));
    const address = gateAddressOf(gatePodOf(context.gateProviders, pod));
    if (action.uncordon && address !== undefined) {
      const request = { command: commandOf(context), target: context.settings.gateTarget, anyRestart: false };
      try {
        await gates.uncordon(address, request);
      } catch (error) {
        // One that cannot be reached, or is not cordoned by this restart any more, is freed by its lease.
        if (!isPaneletError(error, 'AGENT_UNREACHABLE') && !isPaneletError(error, 'GATE_REFUSED')) throw error;
        log.info({ err: error, pod: nameOf(pod) }, 'not uncordoned');
      }
    }
    await patchPod(pod, null);
    audit.decided(context.restart, 'released', { pod: pod.metadata.name, node: pod.spec?.nodeName });
    tell(context, action);
    return progress;
  };

  /** The last look before the kill: the receipt must still be given, by the same instance, for this very restart. */
  const isStillDrained = async (context: ActionContext, action: Extract<Action, { kind: 'delete' }>) => {
    const { restart, settings } = context;
    if (action.receipt.withoutReceipt !== undefined) return true;
    const address = mustHaveAddress(context, action.pod);
    const receipt = await gates.receipt(address, uidOf(restart));
    return (
      receipt?.digest === action.receipt.digest &&
      receipt?.instance === action.receipt.instance &&
      receipt?.target === settings.gateTarget
    );
  };

  /** The delete was taken. */
  const deleteTaken = (context: ActionContext, action: Extract<Action, { kind: 'delete' }>): void => {
    const { pod, receipt, evict: evicted } = action;
    streams.stop(uidOf(pod));
    timings.killed(uidOf(pod));
    const details = { pod: pod.metadata.name, podUid: uidOf(pod), node: pod.spec?.nodeName, evicted, receipt };
    audit.decided(context.restart, 'killed', details);
    tell(context, action);
  };

  /** The budget has the last word; while it refuses, the receipt stays good as long as the cordon is renewed. */
  const evict = async (
    context: ActionContext,
    action: Extract<Action, { kind: 'delete' }>,
    conditions: Preconditions,
  ): Promise<ActionResult> => {
    try {
      await api.evict(objectKey(action.pod), conditions);
    } catch (error) {
      if (!isPaneletError(error, 'DISRUPTION_REFUSED')) throw error;
      log.info({ err: error, pod: nameOf(action.pod) }, 'eviction refused');
      return { progress: false, retryInMs: evictAgainMs };
    }
    deleteTaken(context, action);
    return quiet;
  };

  /** One claim on a node at a time, also where two targets are looked at side by side. */
  const claim = async (context: ActionContext, action: Extract<Action, { kind: 'claim' }>): Promise<ActionResult> => {
    const node = action.pod.spec?.nodeName ?? '';
    if (claiming.has(node) || context.isBusy(node)) return { progress: false, retryInMs: 500 };
    claiming.add(node);
    try {
      await patchPod(action.pod, JSON.stringify(action.claim));
    } finally {
      claiming.delete(node);
    }
    audit.decided(context.restart, 'claimed', { pod: action.pod.metadata.name, node, deadline: action.claim.deadline });
    tell(context, action);
    return progress;
  };

  const reopen = (context: ActionContext, gate: Pod): Promise<ActionResult> =>
    tryGate(gate, async () => {
      const address = gateAddressOf(gate);
      if (address === undefined) throw new PaneletError('AGENT_UNREACHABLE', `Pod ${keyOf(gate)} has no gate.`);
      const request = { command: commandOf(context), target: context.settings.gateTarget, anyRestart: false };
      await gates.uncordon(address, request);
    });

  const kill = async (context: ActionContext, action: Extract<Action, { kind: 'delete' }>): Promise<ActionResult> => {
    const { pod } = action;
    const look = { drained: false };
    const asked = await tryGate(pod, async () => {
      look.drained = await isStillDrained(context, action);
    });
    if (!look.drained) return asked.progress ? { progress: false, retryInMs: 100 } : asked;
    const { resourceVersion } = pod.metadata;
    const conditions = { uid: uidOf(pod), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    if (action.evict) return evict(context, action, conditions);
    const gone = await api.delete(podResource, objectKey(pod), conditions);
    if (gone !== undefined && uidOf(gone) === uidOf(pod)) view.observe(podResource, gone);
    deleteTaken(context, action);
    return gone !== undefined && isTerminating(gone) ? progress : quiet;
  };

  const removeRestart = async ({ restart }: ActionContext): Promise<ActionResult> => {
    await api.delete(panelRestarts, objectKey(restart), { uid: uidOf(restart) });
    return quiet;
  };

  /** A word to whoever waits for it. Where it may not be said, everything else goes on. */
  const report = async ({ target, result }: Extract<Action, { kind: 'report' }>): Promise<ActionResult> => {
    try {
      await deps.targets.annotate(target, { [resultAnnotation]: result });
      return progress;
    } catch (error) {
      if (!isPaneletError(error, 'API_REFUSED')) throw error;
      log.warn({ err: error, target: target.metadata.name }, 'The target cannot be told what became of its request');
      return quiet;
    }
  };

  const withoutOwn = ({ restart }: ActionContext): string[] =>
    (restart.metadata.finalizers ?? []).filter((name) => name !== uncordonFinalizer);

  return {
    execute: async (context, action) => {
      switch (action.kind) {
        case 'addFinalizer':
          await patchFinalizers(context, [...withoutOwn(context), uncordonFinalizer]);
          return progress;
        case 'removeFinalizer':
          await patchFinalizers(context, withoutOwn(context));
          return quiet;
        case 'removeRestart':
          return removeRestart(context);
        case 'report':
          return report(action);
        case 'claim':
          return claim(context, action);
        case 'release':
          return release(context, action);
        case 'cordon':
          return cordon(context, action.pod, action.renewal);
        case 'drain':
          return drain(context, action.pod, action.timeoutMs);
        case 'delete':
          return kill(context, action);
        case 'reopen':
          return reopen(context, action.gate);
        case 'raiseFencing':
          await leadership.raise(action.above);
          return progress;
        default:
          return unreachable(action);
      }
    },
  };
}
