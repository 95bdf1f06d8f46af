import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { controllerRevisions, daemonSets, nodes, pods, type Resource } from '#kube/api.js';
import type { KubeObject } from '#kube/objects.js';
import type { Store } from '#kube/store.js';
import { isFinished, panelRestarts } from '#controller/restart/api/panel-restart.js';
import { createClusterStores, createClusterView, enqueueOnChange } from '#controller/restart/facts/cluster-view.js';
import { createRestartController, type RestartController } from '#controller/restart/restart-controller.js';
import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { withMethods } from '#test/support/with-methods.js';

/** How pods follow each other: a replacement beside the old pod, or in its place. */
export type FleetOrder = 'beside' | 'after';

/** A fleet, and how it is restarted. */
export interface FleetPlan {
  readonly pods: number;
  readonly order: FleetOrder;
  /** How many pods at a time, as `maxSurge` and `maxUnavailable` have it. */
  readonly atOnce: number | string;
}

/** What the restart of a simulated fleet cost the controller. */
export interface FleetCost {
  readonly pods: number;
  /** Processor time of every look at the target, in milliseconds; the simulation's own is not in it, but for its answers to writes. */
  readonly cpuMs: number;
  readonly looks: number;
  /** By what was done to which kind, for example `patch pods`. */
  readonly writes: ReadonlyMap<string, number>;
  /** Questions to gates. */
  readonly asks: number;
  /** Heap after the restart, with the objects of the simulation in it, in bytes. */
  readonly heapBytes: number;
  /** How long the restart took in simulated time, in milliseconds. */
  readonly tookMs: number;
}

const name = 'fleet';
const tickMs = 10;
const limitMs = 24 * 3_600_000;

/**
 * Restarts a DaemonSet of so many simulated nodes with the real controller, whose view is kept by changes as reflectors keep it.
 * @throws Error when it does not succeed, or when a pod was deleted against the rules
 */
export async function restartFleet({ pods: count, order, atOnce }: FleetPlan): Promise<FleetCost> {
  const random = createSeededRandom(count);
  const isBeside = order === 'beside';
  const startMs = (): number => 500 + 3_000 * random.number();
  const sim = createSimCluster({ nodes: count, startMs, ...(isBeside ? { surge: {} } : {}) });
  const fleet = new Fleet(sim);
  sim.request(name, { strategy: isBeside ? { maxSurge: atOnce, maxUnavailable: 0 } : { maxUnavailable: atOnce } });
  const begunMs = sim.clock.nowMs();
  while (!isFinished(sim.restart(name)) || (sim.restart(name).metadata.finalizers ?? []).length > 0) {
    if (sim.clock.nowMs() - begunMs > limitMs) throw new Error('The restart does not come to an end.');
    await fleet.step();
  }
  const { phase, pods: counted } = sim.restart(name).status ?? {};
  if (phase !== 'Succeeded' || counted?.succeeded !== count || sim.violations.length > 0) {
    throw new Error(`The restart went wrong: ${phase ?? ''} ${counted?.summary ?? ''} ${sim.violations.join(', ')}`);
  }
  globalThis.gc?.();
  const { cpuMs, looks, asks } = fleet;
  return {
    ...{ pods: count, cpuMs, looks, asks, writes: writesByKind(sim) },
    heapBytes: process.memoryUsage().heapUsed,
    tookMs: sim.clock.nowMs() - begunMs,
  };
}

function writesByKind(sim: SimCluster): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { verb, plural } of sim.kube.writes) {
    const kind = `${verb} ${plural}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** A controller over a simulated cluster. */
class Fleet {
  cpuMs = 0;
  looks = 0;
  asks = 0;
  readonly #sim: SimCluster;
  readonly #controller: RestartController;
  readonly #key: string;
  #isDirty = true;
  #dueMs = Infinity;

  constructor(sim: SimCluster) {
    this.#sim = sim;
    this.#key = `${sim.target.namespace}/${sim.target.name}`;
    const stores = createClusterStores();
    const enqueue = (): void => void (this.#isDirty = true);
    enqueueOnChange(stores, enqueue);
    const kinds: readonly [Resource<KubeObject>, Store<never>][] = [
      [daemonSets, stores.targets as Store<never>],
      [pods, stores.pods as Store<never>],
      [nodes, stores.nodes as Store<never>],
      [controllerRevisions, stores.revisions as Store<never>],
      [panelRestarts, stores.restarts as Store<never>],
    ];
    const storeOf = new Map(kinds.map(([{ plural }, store]) => [plural, store]));
    for (const [resource, store] of kinds) store.replace(sim.kube.all(resource) as never);
    sim.kube.onChange = ({ plural }, object, how) => {
      const store = storeOf.get(plural);
      if (how === 'gone') store?.remove(object as never);
      else store?.observe(object as never);
    };
    this.#controller = createRestartController({
      api: sim.kube,
      gates: {
        ...withMethods(sim.agents),
        status: (address) => {
          this.asks++;
          return sim.agents.status(address);
        },
      },
      view: createClusterView(stores),
      recorder: { record: () => undefined },
      leadership: {
        fencing: () => 1,
        fencingLimit: () => 10_000,
        lease: () => sim.lease,
        raise: () => Promise.resolve(),
      },
      clock: sim.clock,
      random: createSeededRandom(1),
      log: createSilentLog(),
      enqueue,
    });
  }

  /** Looks at the target if there is a reason to; else time goes on. */
  async step(): Promise<void> {
    const { clock } = this.#sim;
    if (!this.#isDirty && clock.nowMs() < this.#dueMs) {
      clock.advance(tickMs);
      return;
    }
    this.#isDirty = false;
    this.looks++;
    const before = process.cpuUsage();
    const { requeueAfterMs = Infinity } = await this.#controller.reconcile(this.#key);
    const { user, system } = process.cpuUsage(before);
    this.cpuMs += (user + system) / 1000;
    this.#dueMs = clock.nowMs() + requeueAfterMs;
  }
}
