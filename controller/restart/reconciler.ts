import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';

import { daemonSets, keyOf } from '#kube/api.js';
import type { DaemonSet } from '#kube/objects.js';
import { claimOf } from './api/annotations.js';
import type { ActionContext } from './act/action-tools.js';
import type { Executor } from './act/executor.js';
import type { GateAsker } from './act/gate-asker.js';
import { gateProviderKeyOf, gateProvidersOf, type GateProviders } from './facts/gate-provider.js';
import { busyNodesOf, rolloutAhead, type Neighbour } from './decide/neighbours.js';
import { isTerminating, uidOf } from './facts/pods.js';
import type { ClusterView, Leadership, Recorder } from './api/ports.js';
import type { Progress } from './report/progress.js';
import { referenceTo } from './api/references.js';
import { newestRevisionOf, rolloutOf } from './facts/revisions.js';
import { settingsOf } from './api/settings.js';
import { compareAge } from './decide/precedence.js';
import type { StatusWriter } from './act/status-writer.js';
import { gatesToAsk, nextSteps } from './decide/next-steps.js';
import type { Trigger } from './request/annotation-trigger.js';
import { isFinished, panelRestarts, type PanelRestart } from './api/panel-restart.js';
import type { WatchTimes } from './facts/watch-times.js';
import type { Action, Decision, Snapshot } from './decide/snapshot.js';
import type { RestartEvent } from './api/restart-event.js';

/** What a reconciler is made of. */
export interface ReconcilerDeps {
  readonly view: ClusterView;
  /** In order. */
  readonly triggers: readonly Trigger[];
  readonly executor: Executor;
  readonly asker: GateAsker;
  readonly statusWriter: StatusWriter;
  readonly watchTimes: WatchTimes;
  readonly progress: Progress;
  readonly recorder: Recorder;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly log: Log;
  /** Looks at a target again soon. */
  readonly enqueue: (targetKey: string) => void;
}

/** When to look again although nothing changed; not set when only a change matters. */
export interface ReconcileResult {
  readonly requeueAfterMs?: number;
}

/** Brings one target a step further. */
export interface Reconciler {
  /**
   * Looks at everything about one DaemonSet and does what follows from it.
   * @throws PaneletError when the API server refuses or cannot be reached; trying again later is safe.
   */
  reconcile(targetKey: string): Promise<ReconcileResult>;
}

/** Steps that follow each other at once, at most; then others get their turn. */
const maxPasses = 20;

function soonest(...values: readonly (number | undefined)[]): ReconcileResult {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? {} : { requeueAfterMs: Math.min(...known) };
}

/** A reconciler for targets: the request in the annotations first, then each restart of the target, oldest first. */
export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { view, triggers, executor, asker, statusWriter, watchTimes, progress, recorder } = deps;
  const { leadership, clock, enqueue } = deps;

  const find = (targetKey: string, uid: string): PanelRestart | undefined =>
    view.restartsOf(targetKey).find((restart) => uidOf(restart) === uid);

  const gateProvidersFor = (target: DaemonSet): GateProviders => {
    const key = gateProviderKeyOf(target);
    const gateProvider = key === undefined ? undefined : view.target(key);
    return key === undefined ? undefined : gateProvidersOf(gateProvider === undefined ? [] : view.podsOf(gateProvider));
  };

  /** The targets that share their nodes' gates with this one. */
  const neighboursOf = (target: DaemonSet): Neighbour[] => {
    const own = gateProviderKeyOf(target) ?? keyOf(target);
    const others = view.targetsBeside(target).filter((other) => uidOf(other) !== uidOf(target));
    return others
      .filter((other) => (gateProviderKeyOf(other) ?? keyOf(other)) === own)
      .map((other) => ({
        ...{ target: other, pods: view.podsOf(other), restarts: view.restartsOf(keyOf(other)) },
        ...(keyOf(other) === own ? { revisions: view.revisionsOf(other) } : {}),
      }));
  };

  const lookAt = async (targetKey: string, restart: PanelRestart): Promise<Snapshot> => {
    const target = view.target(targetKey);
    const pods = target === undefined ? [] : view.podsOf(target);
    const uid = uidOf(restart);
    const claimed = pods.filter((pod) => claimOf(pod)?.restart === uid).map(uidOf);
    watchTimes.event(uid, isFinished(restart) || isTerminating(restart) ? claimed : [uid, ...claimed]);
    const neighbours = target === undefined ? [] : neighboursOf(target);
    const seen = {
      restart,
      target,
      pods,
      newest: target === undefined ? undefined : newestRevisionOf(view.revisionsOf(target)),
      budgets: target === undefined ? [] : view.budgetsOf(target),
      gateProviders: target === undefined ? undefined : gateProvidersFor(target),
      busyNodes: busyNodesOf(neighbours),
      rolloutAhead: rolloutOf(restart) === undefined ? undefined : rolloutAhead(neighbours),
      nodes: view.nodes(),
      rivals: view.restartsOf(targetKey).filter((rival) => uidOf(rival) !== uid && !isFinished(rival)),
      now: clock.date(),
      watchedMs: (thing: string) => watchTimes.watchedMs(uid, thing),
      fencing: leadership.fencing(),
      fencingLimit: leadership.fencingLimit(),
    };
    return { ...seen, gates: await asker.ask(gatesToAsk(seen), uid) };
  };

  const act = async (
    context: ActionContext,
    actions: readonly Action[],
  ): Promise<{ progress: boolean; waitMs?: number }> => {
    const results = await Promise.allSettled(actions.map((action) => executor.execute(context, action)));
    const waits: number[] = [];
    let progress = false;
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      progress ||= result.value.progress;
      if (result.value.retryInMs !== undefined) waits.push(result.value.retryInMs);
    }
    return { progress, ...(waits.length === 0 ? {} : { waitMs: Math.min(...waits) }) };
  };

  /** Sentences about the whole restart stand at its target too, where people look first. */
  const tell = ({ restart, target }: Snapshot, events: readonly RestartEvent[]): void => {
    for (const event of events) {
      recorder.record(referenceTo(panelRestarts, restart), event);
      if (event.action !== 'Restart' || target === undefined) continue;
      const text = `${event.text} See panelrestart/${restart.metadata.name}.`;
      recorder.record(referenceTo(daemonSets, target), { ...event, text }, referenceTo(panelRestarts, restart));
    }
  };

  const carryOut = async (
    targetKey: string,
    snapshot: Snapshot,
    decision: Decision,
  ): Promise<ReconcileResult | 'again'> => {
    const { restart } = snapshot;
    const wrote = decision.status === undefined ? undefined : await statusWriter.write(restart, decision.status);
    if (wrote?.written === true && decision.status !== undefined) {
      tell(snapshot, decision.events);
      progress.wrote(restart, decision.status);
    }
    const context: ActionContext = {
      restart: find(targetKey, uidOf(restart)) ?? restart,
      settings: settingsOf(restart, snapshot.target),
      gateProviders: snapshot.gateProviders,
      isBusy: (node) => snapshot.target !== undefined && busyNodesOf(neighboursOf(snapshot.target)).has(node),
      onChange: () => enqueue(targetKey),
    };
    const acted = await act(context, decision.actions);
    if (wrote?.essential === true || acted.progress) return 'again';
    const askMs = asker.againInMs(uidOf(restart), decision.askAgain);
    return soonest(decision.requeueAfterMs, wrote?.retryInMs, acted.waitMs, askMs);
  };

  const advance = async (targetKey: string, uid: string): Promise<ReconcileResult> => {
    for (let pass = 0; pass < maxPasses; pass++) {
      const restart = find(targetKey, uid);
      if (restart === undefined) return {};
      const snapshot = await lookAt(targetKey, restart);
      const result = await carryOut(targetKey, snapshot, nextSteps(snapshot));
      if (result !== 'again') return result;
    }
    return { requeueAfterMs: 0 };
  };

  /** Each sees what the one before it wrote at the target. */
  const takeAll = async (targetKey: string, target: DaemonSet): Promise<(number | undefined)[]> => {
    const waits: (number | undefined)[] = [];
    for (const trigger of triggers) waits.push(await trigger.take(view.target(targetKey) ?? target));
    return waits;
  };

  return {
    reconcile: async (targetKey) => {
      const target = view.target(targetKey);
      const waits = target === undefined ? [] : await takeAll(targetKey, target);
      const restarts = [...view.restartsOf(targetKey)].sort(compareAge);
      for (const restart of restarts) waits.push((await advance(targetKey, uidOf(restart))).requeueAfterMs);
      return soonest(...waits);
    },
  };
}
