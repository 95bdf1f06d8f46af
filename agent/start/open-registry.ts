import { createWorkerAdmission } from '../gate/admission.js';
import { createCordons, type Cordons } from '../gate/cordons.js';
import { createFencing, type Fencing } from '../gate/fencing.js';
import { openFencingFile } from '../gate/fencing-file.js';
import { createRegistry, type Registry } from '../workers/registry.js';
import type { AgentBase } from './open-base.js';

/** The workers of the node, and what says which of them may be entered. */
export interface RegistryParts {
  /** Name of this life of the agent. */
  readonly instance: string;
  readonly cordons: Cordons;
  readonly fencing: Fencing;
  readonly registry: Registry;
}

/** Opens the registry, without workers yet. */
export async function openRegistry(base: AgentBase): Promise<RegistryParts> {
  const { deps, config, cleanup } = base;
  const { clock, log } = deps;
  const instance = deps.random.uuid();
  const cordons = createCordons(clock, () => registry.changes.notify());
  cleanup.add(() => cordons.close());
  const fencing = createFencing(await openFencingFile(config.stateDir, log));
  const admission = createWorkerAdmission({ cordons, fencing, clock, log });
  const registry = createNodeRegistry(base, instance, admission);
  cleanup.add(() => registry.close());
  return { instance, cordons, fencing, registry };
}

function createNodeRegistry(
  { deps, config }: AgentBase,
  instance: string,
  admission: ReturnType<typeof createWorkerAdmission>,
): Registry {
  const { clock, random, env, table, launch } = deps;
  return createRegistry({
    ...{ clock, random, env, table, launch, admission },
    log: deps.log,
    agentInstance: instance,
    runDir: config.runDir,
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
