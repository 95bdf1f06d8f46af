import { daemonSets, keyOf, type KubeApi } from '#kube/api.js';
import type { DaemonSet } from '#kube/objects.js';
import type { ActionContext } from './act/action-tools.js';
import type { Executor } from './act/executor.js';
import type { StatusWriter } from './act/status-writer.js';
import { panelRestarts, type PanelRestart } from './api/panel-restart.js';
import type { Recorder } from './api/ports.js';
import { referenceTo } from './api/references.js';
import type { RestartEvent } from './api/restart-event.js';
import { settingsOf } from './api/settings.js';
import { busyNodesOf } from './decide/neighbours.js';
import { nextSteps } from './decide/next-steps.js';
import { compareAge } from './decide/precedence.js';
import type { Action, Decision, Snapshot } from './decide/snapshot.js';
import { uidOf } from './facts/pods.js';
import type { Progress } from './report/progress.js';
import type { Trigger } from './request/annotation-trigger.js';
import { goneTargetOf } from './retiring/gone-target.js';
import { RetiringPods } from './retiring/retiring-pods.js';
import { SnapshotTaker, type SnapshotTakerDeps } from './snapshot-taker.js';
import { StrayPods } from './stray-pods.js';

/** What a reconciler is made of. */
export interface ReconcilerDeps extends SnapshotTakerDeps {
  readonly api: Pick<KubeApi, 'get' | 'list'>;
  /** In order. */
  readonly triggers: readonly Trigger[];
  readonly executor: Executor;
  readonly statusWriter: StatusWriter;
  readonly progress: Progress;
  readonly recorder: Recorder;
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

/** A reconciler for targets: the request in the annotations first, then each restart of the target, oldest first. */
export function createReconciler(deps: ReconcilerDeps): Reconciler {
  return new TargetReconciler(deps);
}

class TargetReconciler implements Reconciler {
  readonly #deps: ReconcilerDeps;
  readonly #retiring: RetiringPods;
  readonly #snapshots: SnapshotTaker;
  readonly #strays: StrayPods;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    this.#retiring = new RetiringPods(deps);
    this.#snapshots = new SnapshotTaker(deps, (targetKey) => this.#retiring.of(targetKey));
    this.#strays = new StrayPods(deps);
  }

  async reconcile(targetKey: string): Promise<ReconcileResult> {
    const { view } = this.#deps;
    const target = view.target(targetKey);
    const waits = target === undefined ? [] : await this.#takeRequests(targetKey, target);
    const restarts = [...view.restartsOf(targetKey)].sort(compareAge);
    const retiring = view.retiringOf(targetKey);
    if (target === undefined || restarts.length + retiring.length === 0) this.#snapshots.forget(targetKey);
    if (target !== undefined) waits.push(await this.#giveBackStrays(targetKey, target));
    for (const restart of restarts) waits.push((await this.#advance(targetKey, uidOf(restart))).requeueAfterMs);
    // After the restarts, which count what they had retire.
    // Also where the DaemonSet is gone: who has sessions stays, and somebody has to see when that is over.
    const tended = view.target(targetKey) ?? target ?? goneTargetOf(retiring);
    if (tended !== undefined) waits.push(await this.#tend(tended));
    return soonest(...waits);
  }

  async #tend(target: DaemonSet): Promise<number | undefined> {
    if (this.#deps.view.retiringOf(keyOf(target)).length === 0) return undefined;
    return this.#retiring.tend({
      target,
      gateProviders: this.#snapshots.gateProvidersFor(target),
      busyNodes: busyNodesOf(this.#snapshots.neighboursOf(target)),
    });
  }

  /** Each trigger sees what the one before it wrote at the target. */
  async #takeRequests(targetKey: string, target: DaemonSet): Promise<(number | undefined)[]> {
    const { triggers, view } = this.#deps;
    const waits: (number | undefined)[] = [];
    for (const trigger of triggers) waits.push(await trigger.take(view.target(targetKey) ?? target));
    return waits;
  }

  /** Whatever a restart had that is gone goes back to where it was. */
  async #giveBackStrays(targetKey: string, target: DaemonSet): Promise<number | undefined> {
    const waits: (number | undefined)[] = [];
    for (const gone of await this.#strays.goneRestarts(target, this.#deps.clock.date())) {
      const snapshot = await this.#snapshots.take(targetKey, gone);
      const result = await this.#carryOut(targetKey, snapshot, nextSteps(snapshot));
      waits.push(result === 'again' ? 0 : result.requeueAfterMs);
    }
    return soonest(...waits).requeueAfterMs;
  }

  async #advance(targetKey: string, uid: string): Promise<ReconcileResult> {
    for (let pass = 0; pass < maxPasses; pass++) {
      const restart = this.#find(targetKey, uid);
      if (restart === undefined) return {};
      const snapshot = await this.#snapshots.take(targetKey, restart);
      const result = await this.#carryOut(targetKey, snapshot, nextSteps(snapshot));
      if (result !== 'again') return result;
    }
    return { requeueAfterMs: 0 };
  }

  async #carryOut(targetKey: string, snapshot: Snapshot, decision: Decision): Promise<ReconcileResult | 'again'> {
    const { statusWriter, progress, asker } = this.#deps;
    const { restart } = snapshot;
    const wrote = decision.status === undefined ? undefined : await statusWriter.write(restart, decision.status);
    if (wrote?.written === true && decision.status !== undefined) {
      this.#record(snapshot, decision.events);
      progress.wrote(restart, decision.status);
    }
    const acted = await this.#act(this.#contextOf(targetKey, snapshot), decision.actions);
    if (wrote?.essential === true || acted.progress) return 'again';
    const askMs = asker.againInMs(uidOf(restart), decision.askAgain);
    return soonest(decision.requeueAfterMs, wrote?.retryInMs, acted.waitMs, askMs);
  }

  /** Sentences about the whole restart stand at its target too, where people look first. */
  #record({ restart, target }: Snapshot, events: readonly RestartEvent[]): void {
    const { recorder } = this.#deps;
    for (const event of events) {
      recorder.record(referenceTo(panelRestarts, restart), event);
      if (event.action !== 'Restart' || target === undefined) continue;
      const text = `${event.text} See panelrestart/${restart.metadata.name}.`;
      recorder.record(referenceTo(daemonSets, target), { ...event, text }, referenceTo(panelRestarts, restart));
    }
  }

  #contextOf(targetKey: string, { restart, target, gateProviders }: Snapshot): ActionContext {
    return {
      restart: this.#find(targetKey, uidOf(restart)) ?? restart,
      settings: settingsOf(restart, target),
      gateProviders,
      isBusy: (node) => target !== undefined && busyNodesOf(this.#snapshots.neighboursOf(target)).has(node),
      onNews: (podUid) => {
        this.#deps.asker.heard(uidOf(restart), podUid);
        this.#deps.enqueue(targetKey);
      },
    };
  }

  async #act(
    context: ActionContext,
    actions: readonly Action[],
  ): Promise<{ readonly progress: boolean; readonly waitMs: number | undefined }> {
    const { executor } = this.#deps;
    const results = await Promise.allSettled(actions.map((action) => executor.execute(context, action)));
    for (const action of actions) this.#expectNews(context, action);
    const waits: number[] = [];
    let progress = false;
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      progress ||= result.value.progress;
      if (result.value.retryInMs !== undefined) waits.push(result.value.retryInMs);
    }
    return { progress, waitMs: waits.length === 0 ? undefined : Math.min(...waits) };
  }

  /** What a gate was told, or its pod is, it may answer for differently. A drain says itself when it gets further. */
  #expectNews({ restart }: ActionContext, action: Action): void {
    const { asker } = this.#deps;
    if (action.kind === 'reopen') asker.heard(uidOf(restart));
    else if ('pod' in action && action.kind !== 'drain') asker.heard(uidOf(restart), uidOf(action.pod));
  }

  #find(targetKey: string, uid: string): PanelRestart | undefined {
    return this.#deps.view.restartsOf(targetKey).find((restart) => uidOf(restart) === uid);
  }
}

function soonest(...values: readonly (number | undefined)[]): ReconcileResult {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? {} : { requeueAfterMs: Math.min(...known) };
}
