import { createWorkerAdmission } from '../gate/admission.js';
import { createCordons, type Cordons } from '../gate/cordons.js';
import { createPodCordons, type PodCordons } from '../gate/pod-cordons.js';
import { createFencing, type Fencing } from '../gate/fencing.js';
import { openFencingFile } from '../gate/fencing-file.js';
import { defaultStartTimes } from '../workers/start-times.js';
import { isOfPod } from '../workers/socket-places.js';
import { reachableAddress } from './reachable-address.js';
import { createRegistry, type Registry } from '../workers/registry.js';
import type { AgentBase } from './open-base.js';

/** The workers of the node, and what says which of them may be entered. */
export interface RegistryParts {
  /** Name of this life of the agent. */
  readonly instance: string;
  readonly cordons: Cordons;
  readonly podCordons: PodCordons;
  readonly fencing: Fencing;
  readonly registry: Registry;
}

/** Opens the registry, without workers yet. */
export async function openRegistry(base: AgentBase): Promise<RegistryParts> {
  const { deps, config, cleanup, agents } = base;
  const { clock, log } = deps;
  const instance = deps.random.uuid();
  const cordons = createCordons(clock, () => registry.changes.notify());
  cleanup.add(() => cordons.close());
  const podCordons = createPodCordons(clock, () => registry.changes.notify());
  cleanup.add(() => podCordons.close());
  const fencing = createFencing(await openFencingFile(config.stateDir, log, String(agents.own.number)));
  const admission = createWorkerAdmission({ cordons, podCordons, fencing, clock, log });
  const registry = createNodeRegistry(base, instance, admission);
  cleanup.add(() => registry.close());
  const reconsider = (): void => {
    log.info({ isNewest: !agents.hasNewer }, 'Another agent of this node has come or gone');
    registry.reconsider();
  };
  cleanup.add(agents.onArrival(reconsider));
  cleanup.add(agents.onDeath(reconsider));
  return { instance, cordons, podCordons, fencing, registry };
}

function createNodeRegistry(
  { deps, config, agents }: AgentBase,
  instance: string,
  admission: ReturnType<typeof createWorkerAdmission>,
): Registry {
  const { clock, random, env, table, launch, startTimes = defaultStartTimes } = deps;
  const place = { runDir: config.runDir, podUid: deps.pod.uid };
  return createRegistry({
    ...{ clock, random, env, table, launch, startTimes, admission },
    log: deps.log,
    self: {
      agentInstance: instance,
      pod: deps.pod.name,
      podUid: deps.pod.uid,
      address: reachableAddress(config.listen, deps.pod.ip),
    },
    place,
    // Of the agents that share the workers of hosts, the newest one keeps them running.
    isInCharge: (panel) => isOfPod(place, panel) || !agents.hasNewer,
    stateDir: config.stateDir,
    command: {
      sessionsPerOwner: config.sessionsPerOwner,
      workerCommand: config.workerCommand ?? deps.workerCommand,
      node: config.node,
      stateDir: config.stateDir,
      logLevel: config.log.level === 'silent' ? 'fatal' : config.log.level,
    },
  });
}
