import { isPaneletError } from '#common/errors/errors.js';
import { createSilentLog, type Log } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { controllerRevisions, daemonSets, keyOf, nodes, podDisruptionBudgets, pods, type Resource } from '#kube/api.js';
import type { KubeObject } from '#kube/objects.js';
import type { RestartMetrics } from '#controller/metrics/restart-metrics.js';
import type { ClusterView, Recorder } from '#controller/restart/api/ports.js';
import { isRetiring } from '#controller/restart/api/retirement.js';
import { retiredFromOf } from '#controller/restart/facts/cluster-view.js';
import { holdersOf } from '#controller/restart/facts/target-pods.js';
import { createRestartController } from '#controller/restart/restart-controller.js';
import { isFinished, panelRestarts, type PanelRestart } from '#controller/restart/api/panel-restart.js';
import { Crash, createFault, type Fault, type FaultPoint } from './faults.js';
import type { SimCluster } from './sim-cluster.js';
import type { RestartEvent } from '#controller/restart/api/restart-event.js';

/** Runs lives of a controller against a simulated cluster, one after the other. */
export interface SimDriver {
  /** What was told, in order. */
  readonly events: RestartEvent[];
  /** Lines of the audit log, in order. */
  readonly audit: Record<string, unknown>[];
  /** What was told as numbers: the name of the figure and what was said of it. */
  readonly told: unknown[][];
  /** Calls of all lives so far. */
  readonly calls: string[];
  restarts(): PanelRestart[];
  /** Number of lives. */
  lives(): number;
  /** The next life dies at this point. */
  faults: FaultPoint[];
  /** Another leader takes over. */
  replace(): void;
  /** None is there for so long, in milliseconds; then another one takes over. */
  away(forMs: number): void;
  /**
   * Reconciles whenever something changed or was asked for by a requeue, until `done` or `limitMs` of simulated time
   * have passed. Returns whether it was done.
   */
  until(done: () => boolean, limitMs?: number): Promise<boolean>;
}

const tickMs = 10;
/** Looks at one moment after which a controller is taken for one that never rests. */
const mostLooks = 1_000;

/** Reads what the cluster was up to `lagMs` ago; without a lag, what it is. */
export function createSimView(sim: SimCluster, lagMs = 0): ClusterView {
  const seen = new Map<string, { atMs: number; objects: readonly KubeObject[] }>();
  const all = <T extends KubeObject>(resource: Resource<T>): readonly T[] => {
    const known = seen.get(resource.plural);
    if (known !== undefined && sim.clock.nowMs() < known.atMs + lagMs) return known.objects as readonly T[];
    const objects = sim.kube.all(resource);
    seen.set(resource.plural, { atMs: sim.clock.nowMs(), objects });
    return objects;
  };
  return {
    target: (key) => all(daemonSets).find((target) => keyOf(target) === key),
    retiringOf: (key) => all(pods).filter((pod) => retiredFromOf(pod) === key),
    podsOf: (target) =>
      all(pods).filter(
        (pod) =>
          !isRetiring(pod) && pod.metadata.ownerReferences?.some(({ uid }) => uid === target.metadata.uid) === true,
      ),
    podNewsOf: () => ({ upTo: 0, changes: undefined }),
    podsHeldBy: (uid) => all(pods).filter((pod) => holdersOf(pod).includes(uid)),
    heldPodsOf: (target) =>
      all(pods).filter(
        (pod) =>
          holdersOf(pod).length > 0 &&
          pod.metadata.ownerReferences?.some(({ uid }) => uid === target.metadata.uid) === true,
      ),
    restartsOf: (key) =>
      all(panelRestarts).filter(
        (restart) => `${restart.metadata.namespace ?? ''}/${restart.spec.targetRef.name}` === key,
      ),
    revisionsOf: (target) =>
      all(controllerRevisions).filter(
        ({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === target.metadata.uid) === true,
      ),
    budgetsOf: () => all(podDisruptionBudgets),
    targetsBeside: () => all(daemonSets),
    nodes: () => new Map(all(nodes).map((node) => [node.metadata.name, node])),
    observe: () => undefined,
  };
}

/** A log that keeps what is for the audit and drops the rest. */
function createAuditLog(lines: Record<string, unknown>[]): Log {
  const log = createSilentLog();
  log.info = (line: unknown) => {
    const fields = line as Record<string, unknown>;
    if (fields['audit'] === true) lines.push(fields);
  };
  return log;
}

function createToldMetrics(told: unknown[][]): RestartMetrics {
  const tell =
    (name: string) =>
    (...args: unknown[]): void =>
      void told.push([name, ...args]);
  return {
    drainState: tell('drainState'),
    podDone: tell('podDone'),
    replacement: tell('replacement'),
    restartGap: tell('restartGap'),
    warmDone: tell('warmDone'),
    restartDone: tell('restartDone'),
    heldOperations: tell('heldOperations'),
  };
}

/** A driver with `faults` for its first lives; later lives are without a fault. */
export function createSimDriver(sim: SimCluster, faults: FaultPoint[] = [], lagMs = 0): SimDriver {
  const events: RestartEvent[] = [];
  const audit: Record<string, unknown>[] = [];
  const told: unknown[][] = [];
  const calls: string[] = [];
  let lives = 0;
  let dirty = true;
  let fault: Fault;
  let controller: ReturnType<typeof createRestartController>;
  const recorder: Recorder = { record: (_regarding, event) => void events.push(event) };
  const start = (): void => {
    lives++;
    const fencing = lives;
    let raised = 0;
    fault = createFault(sim.kube, sim.agents, driver.faults.shift());
    controller = createRestartController({
      api: fault.api,
      gates: fault.gates,
      view: createSimView(sim, lagMs),
      recorder,
      leadership: {
        fencing: () => Math.max(fencing, raised),
        fencingLimit: () => Math.max(fencing, raised) + 10_000,
        lease: () => sim.lease,
        raise: (above) => {
          raised = above + 1;
          return Promise.resolve();
        },
      },
      clock: sim.clock,
      random: createSeededRandom(lives),
      log: createAuditLog(audit),
      metrics: createToldMetrics(told),
      enqueue: () => {
        dirty = true;
      },
    });
    dirty = true;
  };
  sim.kube.onChange = () => {
    dirty = true;
  };
  const retiredKeys = (): string[] => sim.kube.all(pods).flatMap((pod) => retiredFromOf(pod) ?? []);
  let requeueAtMs: number | undefined;
  let lookAtMs = 0;
  const once = async (): Promise<void> => {
    dirty = false;
    requeueAtMs = undefined;
    try {
      // Whatever DaemonSet is gone may still have restarts.
      for (const key of new Set([
        `${sim.target.namespace}/${sim.target.name}`,
        ...sim.targetKeys(),
        ...retiredKeys(),
      ])) {
        const { requeueAfterMs } = await controller.reconcile(key);
        const atMs = requeueAfterMs === undefined ? Infinity : sim.clock.nowMs() + requeueAfterMs;
        if (atMs < (requeueAtMs ?? Infinity)) requeueAtMs = atMs;
      }
    } catch (error) {
      if (!(error instanceof Crash) && !isPaneletError(error)) throw error;
      requeueAtMs = sim.clock.nowMs() + 50;
    }
  };
  const driver: SimDriver = {
    events,
    audit,
    told,
    get calls() {
      return [...calls, ...fault.calls];
    },
    lives: () => lives,
    restarts: () => sim.kube.all(panelRestarts),
    faults,
    replace: () => driver.away(0),
    away: (forMs) => {
      calls.push(...fault.calls);
      controller.stop();
      sim.clock.advance(forMs);
      start();
    },
    until: async (done, limitMs = 3_600_000) => {
      const endMs = sim.clock.nowMs() + limitMs;
      let looks = 0;
      while (!done()) {
        if (sim.clock.nowMs() > endMs) return false;
        const nowMs = sim.clock.nowMs();
        const due = requeueAtMs !== undefined && nowMs >= requeueAtMs;
        // A cache that lags shows each change a little later.
        if (dirty && lagMs > 0) lookAtMs = nowMs + lagMs;
        const late = lookAtMs > 0 && nowMs >= lookAtMs;
        if (late) lookAtMs = 0;
        if (dirty || due || late) {
          if (++looks > mostLooks) throw new Error(`The controller looks again and again at ${nowMs} ms.`);
          await once();
        } else {
          looks = 0;
          sim.clock.advance(tickMs);
        }
        if (fault.isDead()) {
          calls.push(...fault.calls);
          start();
        }
      }
      return true;
    },
  };
  start();
  return driver;
}

/** True once the restart is over and holds nothing any more. */
export function isOver(sim: SimCluster, name: string): boolean {
  const restart = sim.restart(name);
  return isFinished(restart) && (restart.metadata.finalizers ?? []).length === 0;
}
