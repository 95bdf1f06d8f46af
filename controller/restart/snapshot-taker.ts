import type { Clock } from '#common/time/clock.js';
import { keyOf, type KubeApi } from '#kube/api.js';
import type { DaemonSet } from '#kube/objects.js';
import type { GateAsker } from './act/gate-asker.js';
import { isFinished, type PanelRestart } from './api/panel-restart.js';
import type { ClusterView, Leadership } from './api/ports.js';
import { busyNodesOf, rolloutAhead, type Neighbour } from './decide/neighbours.js';
import { gatesToAsk } from './decide/gate-questions.js';
import { watchedNameOf } from './decide/pod-situation.js';
import type { Snapshot } from './decide/snapshot.js';
import { gateProviderKeyOf, gateProvidersOf, type GateProviders } from './facts/gate-provider.js';
import { isTerminating, uidOf } from './facts/pods.js';
import { RetiringList, type RetiringPod } from './facts/retiring-list.js';
import { newestRevisionOf, rolloutOf } from './facts/revisions.js';
import { TargetPods } from './facts/target-pods.js';
import type { WatchTimes } from './facts/watch-times.js';
import { KeptPods } from './kept-pods.js';
import { MissingPods } from './missing-pods.js';

/** What snapshots are taken with. */
export interface SnapshotTakerDeps {
  readonly view: ClusterView;
  readonly asker: GateAsker;
  readonly watchTimes: WatchTimes;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly api: Pick<KubeApi, 'get'>;
}

/** Says which pods of a target retire. */
export type Retiring = (targetKey: string) => readonly RetiringPod[];

/** Gathers everything that the next steps of a restart are derived from. */
export class SnapshotTaker {
  readonly #deps: SnapshotTakerDeps;
  readonly #retiring: Retiring;
  readonly #kept: KeptPods;
  readonly #missing: MissingPods;

  constructor(deps: SnapshotTakerDeps, retiring: Retiring) {
    this.#deps = deps;
    this.#retiring = retiring;
    this.#kept = new KeptPods(deps.view);
    this.#missing = new MissingPods(deps.api);
  }

  /** What there is to know now about a restart of the target; the gates that have to be are asked. */
  async take(targetKey: string, restart: PanelRestart): Promise<Snapshot> {
    const { view, asker, watchTimes, leadership, clock } = this.#deps;
    const uid = uidOf(restart);
    const target = view.target(targetKey);
    // Nothing is restarted any more for one that is over.
    const isAtWork = target !== undefined && !isFinished(restart);
    const outstanding = isAtWork ? this.#kept.outstandingOf(target, restart) : [];
    const retiring = new RetiringList(this.#retiring(targetKey));
    const pods = await this.#podsFor(targetKey, target, { restart, retiring });
    this.#watchClaims(restart, pods);
    const neighbours = target === undefined ? [] : this.neighboursOf(target);
    const seen = {
      restart,
      target,
      pods,
      retiring,
      outstanding,
      newest: target === undefined ? undefined : newestRevisionOf(view.revisionsOf(target)),
      budgets: target === undefined ? [] : view.budgetsOf(target),
      gateProviders: target === undefined ? undefined : this.gateProvidersFor(target),
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
  }

  async #podsFor(
    targetKey: string,
    target: DaemonSet | undefined,
    { restart, retiring }: Pick<Snapshot, 'restart' | 'retiring'>,
  ): Promise<TargetPods> {
    const held = (): TargetPods => new TargetPods(this.#deps.view.podsHeldBy(uidOf(restart)));
    const known = target === undefined ? held() : this.#kept.podsOf(targetKey, target);
    const hidden = await this.#missing.find(restart, { withUid: (uid) => known.withUid(uid) ?? retiring.has(uid) });
    return hidden.length === 0 ? known : new TargetPods([...known.all, ...hidden]);
  }

  /** Nothing of the target is under way: what looks at it went by is forgotten. */
  forget(targetKey: string): void {
    this.#kept.forget(targetKey);
  }

  /** The targets that share their nodes' gates with this one. */
  neighboursOf(target: DaemonSet): Neighbour[] {
    const { view } = this.#deps;
    const own = gateProviderKeyOf(target) ?? keyOf(target);
    return view
      .targetsBeside(target)
      .filter((other) => uidOf(other) !== uidOf(target) && (gateProviderKeyOf(other) ?? keyOf(other)) === own)
      .map((other) => ({
        target: other,
        pods: this.#kept.podsOf(keyOf(target), other),
        restarts: view.restartsOf(keyOf(other)),
        ...(keyOf(other) === own ? { revisions: view.revisionsOf(other) } : {}),
      }));
  }

  /** From here on the time runs for which the restart, and its claims on pods, have been watched. */
  #watchClaims(restart: PanelRestart, pods: TargetPods): void {
    const uid = uidOf(restart);
    const claimed = pods.claimedBy(uid).map((pod) => watchedNameOf(pod, pods.claimOn(pod)));
    const isOver = isFinished(restart) || isTerminating(restart);
    this.#deps.watchTimes.event(uid, isOver ? claimed : [uid, ...claimed]);
  }

  /** The pods that answer for the gates of a target's pods. */
  gateProvidersFor(target: DaemonSet): GateProviders {
    const { view } = this.#deps;
    const key = gateProviderKeyOf(target);
    if (key === undefined) return undefined;
    const gateProvider = view.target(key);
    if (gateProvider === undefined) return gateProvidersOf(new TargetPods());
    return gateProvidersOf(this.#kept.podsOf(keyOf(target), gateProvider));
  }
}
