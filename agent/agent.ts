import { join } from 'node:path';
import type { Clock } from '#common/clock.js';
import { PaneletError } from '#common/errors.js';
import { createHealth } from '#common/health.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { State, Target } from '#proto/gate/v1/gate.js';
import { readAgentConfig, type AgentConfig, type ConfigOverrides } from './config.js';
import { lockDirectory, prepareDirectories, removeStaleSockets } from './directories.js';
import { createAttachHandler } from './front/attach.js';
import { openFront, type Front } from './front/front.js';
import { createFileIdentity } from './front/identity-file.js';
import { createLoopbackIdentity, type Identity } from './front/identity.js';
import { createRouter } from './front/router.js';
import { createUpstream } from './front/upstream.js';
import { createWorkerAdmission } from './gate/admission.js';
import { createCordons } from './gate/cordons.js';
import { createFencing } from './gate/fencing.js';
import { createAgentGate } from './gate/gate.js';
import { applyPanels, staleKeys } from './reload.js';
import { createCallerReader } from './services/caller.js';
import { createGateService } from './services/gate-service.js';
import { openServices } from './services/services.js';
import { createSessionService } from './services/session-service.js';
import { shutDownWorkers } from './shutdown.js';
import type { Launcher } from './workers/launcher.js';
import type { ProcessTable } from './workers/process-table.js';
import { createRegistry, type Registry } from './workers/registry.js';

/** What an agent needs from the outside. */
export interface AgentDeps {
  readonly configFile: string;
  readonly overrides: ConfigOverrides;
  readonly podUid: string;
  readonly version: string;
  /** Program and leading arguments of workers, where the configuration does not say. */
  readonly workerCommand: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly table: ProcessTable;
  readonly launch: Launcher;
}

/** A running agent. */
export interface Agent {
  readonly port: number;
  /** Takes up configuration, panels, identities and certificates; keeps what is in force when something is wrong. */
  reload(): Promise<void>;
  /** Drains, ends what goes with it, and closes. Resolves with true when nothing was forced. Again: hurries. */
  stop(): Promise<boolean>;
}

const adoptionMs = 10_000;
const closeMs = 300;
const sessionServiceName = 'panelet.session.v1.SessionService';
const gateServiceName = 'panelet.gate.v1.GateService';

/**
 * Starts an agent: takes the directory and the port, adopts the workers that live, and only then lets anyone in.
 * @throws PaneletError CONFIG_INVALID, STATE_DIR_UNUSABLE, ALREADY_RUNNING or PORT_TAKEN; nothing is left behind then.
 */
export async function startAgent(deps: AgentDeps): Promise<Agent> {
  const { log, clock, random } = deps;
  const config = await readAgentConfig(deps.configFile, deps.overrides);
  log.level = config.log.level;
  const identity = await createIdentity(config);
  await prepareDirectories(config);
  const lock = await lockDirectory(config.runDir);
  const instance = random.uuid();
  const cordons = createCordons(clock, () => registry.changes.notify());
  const fencing = createFencing();
  const registry = createNodeRegistry(deps, config, {
    instance,
    admission: createWorkerAdmission(cordons, fencing, clock),
  });
  const servicesPath = join(config.runDir, `agent-${instance.slice(0, 8)}.sock`);
  const secret = random.bytes(32).toString('hex');
  const { keepaliveMs, keepaliveTimeoutMs } = config.limits;
  const upstream = createUpstream({ socketPath: servicesPath, clock, keepaliveMs, keepaliveTimeoutMs });
  const attach = createAttachHandler({ ...config.limits, clock, targets: registry });
  const route = createRouter({ identity, attach, services: upstream, secret });
  const release = async (): Promise<void> => {
    registry.close();
    cordons.close();
    upstream.close();
    await lock.release();
  };
  let front: Front;
  try {
    front = await openFront({ ...config.listen, tls: config.tls }, { log, clock, limits: config.limits, route });
  } catch (error) {
    await release();
    throw error;
  }
  const stale = new Set<string>();
  const restartRequired = (): boolean =>
    stale.size > 0 || registry.units().some((unit) => unit.supervisor?.status().restartRequired === true);
  const names = { instance, node: config.node, podUid: deps.podUid, version: deps.version };
  const gate = createAgentGate({ clock, log, names, members: registry, cordons, fencing, restartRequired });
  const health = createHealth(['', sessionServiceName, gateServiceName]);
  const caller = createCallerReader(secret);
  await removeStaleSockets(config.runDir);
  const services = await openServices({
    socketPath: servicesPath,
    session: createSessionService({ registry, node: config.node, clock, caller, log }),
    gate: createGateService({ gate, caller, log }),
    health,
  });
  for (const panel of config.panels) registry.add(panel);
  await untilAdopted(registry, clock);
  front.admit();
  const showHealth = (): void => health.set(sessionServiceName, gate.status(Target.AGENT).state === State.SERVING);
  registry.changes.subscribe(showHealth);
  for (const name of ['', gateServiceName]) health.set(name, true);
  showHealth();
  log.info({ node: config.node, port: front.port, instance }, 'Agent serves');

  const hurry = new AbortController();
  let stopping: Promise<boolean> | undefined;
  const stop = async (): Promise<boolean> => {
    log.info('Agent stops');
    health.set(sessionServiceName, false);
    const graceMs = config.gracePeriodSeconds * 1000;
    const clean = await shutDownWorkers({ registry, clock, log, instance, cordons, graceMs, hurry: hurry.signal });
    registry.close();
    await front.close(closeMs);
    await services.close();
    await release();
    log.info({ clean }, 'Agent stopped');
    return clean;
  };
  return {
    port: front.port,
    reload: () => reloadAgent({ deps, config, identity, front, registry, instance, stale }),
    stop: () => {
      if (stopping === undefined) stopping = stop();
      else hurry.abort(new Error('A second signal came.'));
      return stopping;
    },
  };
}

function createIdentity(config: AgentConfig): Promise<Identity> | Identity {
  if (config.identity === undefined || 'insecureLoopback' in config.identity) return createLoopbackIdentity();
  return createFileIdentity(config.identity.file);
}

interface RegistryParts {
  readonly instance: string;
  readonly admission: ReturnType<typeof createWorkerAdmission>;
}

function createNodeRegistry(deps: AgentDeps, config: AgentConfig, { instance, admission }: RegistryParts): Registry {
  const { clock, random, env, table, launch } = deps;
  return createRegistry({
    ...{ clock, random, env, table, launch, admission },
    log: deps.log,
    agentInstance: instance,
    runDir: config.runDir,
    stateDir: config.stateDir,
    keepaliveMs: config.limits.keepaliveMs,
    keepaliveTimeoutMs: config.limits.keepaliveTimeoutMs,
    command: {
      workerCommand: config.workerCommand ?? deps.workerCommand,
      node: config.node,
      stateDir: config.stateDir,
      logLevel: config.log.level === 'silent' ? 'fatal' : config.log.level,
    },
  });
}

// What lives is known, and with it every gate state; bounded, because one hung worker must not keep all others out.
async function untilAdopted(registry: Registry, clock: Clock): Promise<void> {
  const late = new AbortController();
  const timer = clock.after(adoptionMs, () => late.abort(new Error('late')));
  const asked = registry.units().map(async (unit) => {
    await unit.supervisor?.adopted;
    const fresh = unit.supervisor !== undefined && unit.supervisor.status().process === undefined;
    if (fresh) return;
    await registry.changes.until(() => (unit.link.asked() ? true : undefined), late.signal);
  });
  await Promise.allSettled(asked);
  timer.stop();
}

interface Reloading {
  readonly deps: AgentDeps;
  readonly config: AgentConfig;
  readonly identity: Identity;
  readonly front: Front;
  readonly registry: Registry;
  readonly instance: string;
  readonly stale: Set<string>;
}

async function reloadAgent({ deps, config, identity, front, registry, instance, stale }: Reloading): Promise<void> {
  const { log, clock } = deps;
  const attempt = async (what: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      log.error({ err: PaneletError.from(error), what }, 'Reload failed, what was in force stays');
    }
  };
  await attempt('identity', () => identity.reload());
  await attempt('certificate', () => front.reloadCertificate());
  await attempt('configuration', async () => {
    const next = await readAgentConfig(deps.configFile, deps.overrides);
    await prepareDirectories(next);
    log.level = next.log.level;
    const left = [...staleKeys(config, next), ...(await applyPanels({ registry, clock, log, instance }, next))];
    stale.clear();
    for (const name of left) stale.add(name);
    if (left.length > 0) log.warn({ changed: left }, 'Some changes need a restart of the agent');
    registry.changes.notify();
  });
  log.info('Reloaded');
}
