import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { readAgentConfig } from './config/config.js';
import { watchDirectory } from './config/watch-directory.js';
import { createCleanup } from './life/cleanup.js';
import { noteFiles, tellProblems } from './life/reload.js';
import { createReloads } from './life/reloads.js';
import type { AgentDeps } from './start/agent-deps.js';
import { openBase, type AgentBase } from './start/open-base.js';
import { serve, type Serving } from './start/serve.js';
import type { NodeWorker } from './workers/node-worker.js';
import type { Registry } from './workers/registry.js';

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

/**
 * Starts an agent: takes the directory, waits for a certificate, takes the port, adopts the workers that live, and only then
 * lets anyone in. Probes are answered from the beginning.
 * @throws PaneletError CONFIG_INVALID, STATE_DIR_UNUSABLE, ALREADY_RUNNING or PORT_TAKEN, or the signal's reason; nothing is
 * left behind then.
 */
export async function startAgent(deps: AgentDeps): Promise<Agent> {
  const config = await readAgentConfig(deps.configFile, deps.overrides);
  deps.log.level = config.log.level;
  tellProblems(deps.log, config);
  const cleanup = createCleanup();
  try {
    const base = await openBase(deps, config, cleanup);
    const serving = await serve(base);
    return await admit(base, serving);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function admit(base: AgentBase, serving: Serving): Promise<Agent> {
  const { deps, config, cleanup, readiness } = base;
  const { clock, log } = deps;
  const { registry, front, gateFront, instance } = serving;
  for (const panel of config.panels) registry.add(panel);
  await untilAdopted(registry, clock);
  front.admit();
  gateFront?.admit();
  readiness.admitted(registry);
  const unsubscribe = registry.changes.subscribe(serving.showHealth);
  serving.showHealth();
  log.info({ node: config.node, port: front.port, gatePort: gateFront?.port, instance }, 'Agent serves');

  let stopping: Promise<boolean> | undefined;
  const panelFiles = new Map<string, string>();
  noteFiles(panelFiles, config);
  const { identity } = base.access;
  const reloading = { deps, config, identity, certificates: base.certificates, panelFiles, ...serving };
  const { workerReload } = serving;
  const reloads = createReloads({ reloading, workerReload, isStopping: () => stopping !== undefined });
  serving.onReload((...call) => reloads.call(...call));
  const watching = { clock, log };
  if (config.panelsDir !== undefined) cleanup.add(watchDirectory(config.panelsDir, () => reloads.takeUp(), watching));

  const hurry = new AbortController();
  const stop = async (): Promise<boolean> => {
    log.info('Agent stops');
    readiness.stopping();
    unsubscribe();
    serving.stopHealth();
    const clean = await serving.shutDown(hurry.signal);
    registry.close();
    await Promise.all([front.close(closeMs), gateFront?.close(closeMs)]);
    await serving.closeServices();
    await cleanup.run();
    log.info({ clean }, 'Agent stopped');
    return clean;
  };
  return {
    port: front.port,
    reload: () => reloads.reload(),
    stop: () => {
      if (stopping === undefined) stopping = stop();
      else hurry.abort(new Error('A second signal came.'));
      return stopping;
    },
  };
}

// What lives is known, and with it every gate state; bounded, because one hung worker must not keep all others out.
async function untilAdopted(registry: Registry, clock: Clock): Promise<void> {
  const untilAsked = async (worker: NodeWorker, signal: AbortSignal): Promise<void> => {
    await worker.supervisor?.adopted;
    const fresh = worker.supervisor !== undefined && worker.supervisor.status().process === undefined;
    if (!fresh) await registry.changes.until(() => worker.link.asked() || undefined, signal);
  };
  const untilAll = (signal: AbortSignal): Promise<unknown> =>
    Promise.all(registry.workers().map((worker) => untilAsked(worker, signal)));
  await withDeadline({ clock, limitMs: adoptionMs }, untilAll).catch(() => undefined);
}
