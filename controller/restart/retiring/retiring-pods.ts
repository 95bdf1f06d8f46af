import type { Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import { daemonSets, keyOf } from '#kube/api.js';
import type { DaemonSet, Pod } from '#kube/objects.js';
import { Target } from '#proto/gate/v1/gate.js';
import { retrySoonMs, type ActionContext } from '../act/action-tools.js';
import type { Executor } from '../act/executor.js';
import type { GateAsker } from '../act/gate-asker.js';
import type { PanelRestart } from '../api/panel-restart.js';
import type { ClusterView, Leadership } from '../api/ports.js';
import { referenceTo } from '../api/references.js';
import { gateTargetOf, settingsOf } from '../api/settings.js';
import { isDraining, lastDrainMs, retiringStep, type RetiringStep } from './retiring-step.js';
import type { GateView } from '../decide/snapshot.js';
import { budgetsOf } from '../facts/budgets.js';
import { gatePodOf, type GateProviders } from '../facts/gate-provider.js';
import { sessionsIn } from '../facts/host-pods.js';
import { uidOf } from '../facts/pods.js';
import type { RetiringPod } from '../facts/retiring-list.js';

/** What looks after pods that retire. */
export interface RetiringPodsDeps {
  readonly view: ClusterView;
  readonly asker: GateAsker;
  readonly executor: Executor;
  readonly leadership: Leadership;
  readonly clock: Clock;
  /** Looks at a target again soon. */
  readonly enqueue: (targetKey: string) => void;
}

/** The world around the pods of a target that retire. */
export interface Surroundings {
  readonly target: DaemonSet;
  readonly gateProviders: GateProviders;
  /** Nodes on which another target that shares the gate is being restarted. */
  readonly busyNodes: ReadonlyMap<string, string>;
}

interface Memory {
  /** Of its target. */
  readonly key: string;
  /** The pod as it was looked at last. */
  readonly pod: Pod;
  readonly sessions: number | undefined;
  /** When to look again, in milliseconds of the clock. */
  dueMs: number;
}

/** What was done shows after this, where the cache is not behind. */
const lookAgainMs = 100;
/** Pods that are looked at side by side. */
const atOnce = 16;

/**
 * Looks after the pods that retire, each for itself and for no restart. What it remembers is only when it asked last: whoever asks anew
 * comes to the same.
 */
export class RetiringPods {
  readonly #deps: RetiringPodsDeps;
  /** By uid of the pod. */
  readonly #known = new Map<string, Memory>();

  constructor(deps: RetiringPodsDeps) {
    this.#deps = deps;
  }

  /** The pods of a target that retire, with the sessions they had last. */
  of(targetKey: string): readonly RetiringPod[] {
    const pods = this.#deps.view.retiringOf(targetKey);
    return pods.map((pod) => ({ pod, sessions: this.#known.get(uidOf(pod))?.sessions }));
  }

  /**
   * Brings the pods of a target that retire a step further.
   * @returns when to look again although nothing changed, in milliseconds; undefined when none retires
   * @throws PaneletError when the API server refuses or cannot be reached; trying again later is safe
   */
  async tend(surroundings: Surroundings): Promise<number | undefined> {
    const { view, clock } = this.#deps;
    const key = keyOf(surroundings.target);
    // Somebody may label any pod. Of agents nobody drains one alone, and nothing said here would be about them.
    if (gateTargetOf(surroundings.target) !== Target.HOST) return undefined;
    const isDue = (pod: Pod): boolean => {
      const known = this.#known.get(uidOf(pod));
      return known?.pod !== pod || clock.nowMs() >= known.dueMs;
    };
    const due = view.retiringOf(key).filter(isDue);
    while (due.length > 0) await Promise.all(due.splice(0, atOnce).map((pod) => this.#tendOne(surroundings, pod)));
    this.#forgetGone(key);
    const waits = view.retiringOf(key).map((pod) => (this.#known.get(uidOf(pod))?.dueMs ?? 0) - clock.nowMs());
    return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits));
  }

  async #tendOne(surroundings: Surroundings, pod: Pod): Promise<void> {
    const { clock, enqueue } = this.#deps;
    const uid = uidOf(pod);
    const gateView = await this.#ask(surroundings, pod);
    const step = this.#stepOf(surroundings, pod, gateView);
    const before = this.#known.get(uid);
    const sessions = gateView?.kind === 'answered' ? sessionsIn(gateView.status, uid) : before?.sessions;
    this.#known.set(uid, { key: keyOf(surroundings.target), pod, sessions, dueMs: clock.nowMs() + step.wakeMs });
    // The restart that replaced it tells of them.
    if (before?.sessions !== sessions) enqueue(keyOf(surroundings.target));
    const retryMs = await this.#act(surroundings, pod, step);
    this.#lookIn(uid, retryMs);
  }

  async #ask({ gateProviders }: Surroundings, pod: Pod): Promise<GateView | undefined> {
    const uid = uidOf(pod);
    const { asker } = this.#deps;
    asker.heard(uid, uid);
    const views = await asker.ask([{ uid, gate: gatePodOf(gateProviders, pod), hostPod: pod }], uid);
    return views.get(uid);
  }

  #stepOf({ target, gateProviders, busyNodes }: Surroundings, pod: Pod, gateView: GateView | undefined): RetiringStep {
    const { view, leadership, clock } = this.#deps;
    const node = pod.spec?.nodeName ?? '';
    return retiringStep({
      pod,
      target,
      lease: leadership.lease(),
      node: view.nodes().get(node),
      gate: gatePodOf(gateProviders, pod),
      view: gateView,
      budgets: budgetsOf(view.budgetsOf(target), pod),
      isBusy: busyNodes.has(node) && !(gateView?.kind === 'answered' && isDraining(gateView.status)),
      now: clock.date(),
      fencing: leadership.fencing(),
      fencingLimit: leadership.fencingLimit(),
    });
  }

  /** @returns when to try again, in milliseconds; undefined where nothing says */
  async #act(surroundings: Surroundings, pod: Pod, step: RetiringStep): Promise<number | undefined> {
    const context = this.#contextOf(surroundings, pod, step.isForced);
    let retryMs: number | undefined;
    for (const action of step.actions) {
      try {
        const { progress, retryInMs } = await this.#deps.executor.execute(context, action);
        retryMs = progress ? lookAgainMs : (retryInMs ?? retryMs);
      } catch (error) {
        // It has changed meanwhile, or is gone.
        if (!isPaneletError(error, 'API_CONFLICT') && !isPaneletError(error, 'API_NOT_FOUND')) throw error;
        retryMs = retrySoonMs;
      }
    }
    return retryMs;
  }

  /** The commands to its gate are in the pod's own name: no restart has it. */
  #contextOf({ target, gateProviders }: Surroundings, pod: Pod, isForced: boolean): ActionContext {
    const { enqueue } = this.#deps;
    const { namespace, name } = pod.metadata;
    const own: PanelRestart = {
      metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid: uidOf(pod) },
      spec: {
        targetRef: { name: target.metadata.name },
        reason: 'This is left of an earlier version, and its time is over.',
        drain: {
          // The node has told its sessions until when they may stay.
          noticeSeconds: 0,
          timeoutSeconds: lastDrainMs / 1000,
          onTimeout: isForced ? 'Force' : 'Abort',
        },
      },
    };
    return {
      restart: own,
      settings: settingsOf(own, target),
      gateProviders,
      regarding: referenceTo(daemonSets, target),
      isBusy: () => false,
      onNews: (uid) => {
        this.#lookIn(uid, 0);
        enqueue(keyOf(target));
      },
    };
  }

  #lookIn(uid: string, ms: number | undefined): void {
    const known = this.#known.get(uid);
    if (known !== undefined && ms !== undefined) known.dueMs = Math.min(known.dueMs, this.#deps.clock.nowMs() + ms);
  }

  #forgetGone(targetKey: string): void {
    const { view, asker } = this.#deps;
    const uids = new Set(view.retiringOf(targetKey).map(uidOf));
    for (const [uid, { key }] of this.#known) {
      if (key !== targetKey || uids.has(uid)) continue;
      this.#known.delete(uid);
      void asker.ask([], uid);
    }
  }
}
