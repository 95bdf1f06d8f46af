import type { Clock } from '#common/time/clock.js';
import { msToDuration } from '#common/time/duration.js';
import { State, Target, type GateStatus } from '#proto/gate/v1/gate.js';
import { viewWorker, workerStatus } from '../workers/node-worker.js';
import {
  aggregateState,
  collectHolders,
  knownStatuses,
  longestDeadline,
  noticesMayEnd,
  restartOf,
  retirementOf,
  shortestLease,
  sumCounts,
  type AggregatedWorker,
  sumSessions,
} from './aggregate.js';
import type { Cordon, Cordons } from './cordons.js';
import type { Fencing } from './fencing.js';
import { killedWith, liveWorkers, workersOf, type NodeWorkers } from './node-workers.js';

/** Who the agent is. */
export interface GateNames {
  readonly instance: string;
  readonly node: string;
  readonly podUid: string;
  readonly version: string;
}

/** What a gate is seen from. */
export interface GateViewDeps {
  readonly clock: Clock;
  readonly names: GateNames;
  readonly nodeWorkers: NodeWorkers;
  readonly cordons: Cordons;
  readonly fencing: Fencing;
  /** True when the configuration changed in a way that only a restart takes up. */
  readonly restartRequired: () => boolean;
}

/** How the node's gate looks now: its workers' last statuses and its own cordons, added up. Changes nothing. */
export class NodeGateView {
  readonly #deps: GateViewDeps;

  constructor(deps: GateViewDeps) {
    this.#deps = deps;
  }

  /** Status of a target. @default the one that was cordoned last, else one that is cordoned, else the agent's */
  status(asked?: Target): GateStatus {
    const { clock, names, nodeWorkers, cordons, fencing } = this.#deps;
    const target = asked ?? cordons.latest() ?? this.#cordoned() ?? Target.AGENT;
    const seen = this.#views(target);
    const cordon = cordons.get(target);
    const counts = sumCounts(knownStatuses(seen).map((known) => known.counts));
    const state = aggregateState(seen, stateWithoutWorkers(cordon));
    const elsewhere = state === State.SERVING ? 0 : this.kept(target);
    return {
      state,
      restartUid: state === State.SERVING ? '' : (this.holder(target) ?? ''),
      instance: names.instance,
      sessions: sumSessions(nodeWorkers.workers().map(viewWorker)),
      counts: { ...counts, kept: counts.kept + elsewhere },
      holders: collectHolders(seen),
      leaseRemaining:
        shortestLease(seen) ?? (cordon === undefined ? undefined : msToDuration(cordon.untilMs - clock.nowMs())),
      deadlineRemaining: longestDeadline(seen),
      fencing: fencing.highest(),
      workers: nodeWorkers.workers().map(workerStatus),
      node: names.node,
      restartRequired: this.#deps.restartRequired(),
      version: names.version,
      podUid: names.podUid,
      ...retirementOf(seen),
      noticeMayEnd: state === State.NOTIFIED && noticesMayEnd(seen),
      waiting: [],
    };
  }

  /** Uid of the restart that has cordoned the target; undefined when none has. */
  holder(target: Target): string | undefined {
    const seen = this.#views(target);
    const isUnknown = knownStatuses(seen).length === 0;
    return restartOf(seen) ?? (isUnknown ? this.#deps.cordons.get(target)?.restartUid : undefined);
  }

  /** Sessions of the workers that do not belong to the target: its drain leaves them alone. */
  kept(target: Target): number {
    const { nodeWorkers } = this.#deps;
    const own = killedWith(nodeWorkers, target);
    const others = nodeWorkers.workers().filter((worker) => !own.includes(worker));
    return sumSessions(others.map(viewWorker));
  }

  /** Statuses of the target's workers that answer. */
  liveStatuses(target: Target): GateStatus[] {
    return liveWorkers(workersOf(this.#deps.nodeWorkers, target)).map(({ view }) => view.status);
  }

  /** Hosts whose cordon an agent before this one has brought about are cordoned as a whole only if all are. */
  #cordoned(): Target | undefined {
    const seen = this.#views(Target.HOST);
    const isCordoned = restartOf(seen) !== undefined && aggregateState(seen, State.SERVING) !== State.SERVING;
    return isCordoned ? Target.HOST : undefined;
  }

  #views(target: Target): readonly AggregatedWorker[] {
    return workersOf(this.#deps.nodeWorkers, target).map(viewWorker);
  }
}

function stateWithoutWorkers(cordon: Cordon | undefined): State {
  if (cordon === undefined) return State.SERVING;
  return cordon.draining ? State.CLOSED : State.CORDONED;
}
