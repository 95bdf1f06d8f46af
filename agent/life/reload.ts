import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import { PaneletError } from '#common/errors/errors.js';
import { readAgentConfig, type AgentConfig, type ConfigOverrides, type PanelConfig } from '../config/config.js';
import type { PodFacts } from '../kube/cluster.js';
import { prepareDirectories } from './directories.js';
import type { AttachmentReviews } from '../access/attachment-reviews.js';
import type { Identity } from '../access/identity.js';
import { removePanel } from './end-worker.js';
import type { CertificateSource } from '../tls/certificate-source.js';
import type { Registry } from '../workers/registry.js';
import { newestWorkers, type NodeWorker } from '../workers/node-worker.js';

/** What a reload needs. */
export interface ReloadDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: string;
}

/**
 * Takes up another configuration as far as that is possible while running: panels that are new are started, panels that are
 * gone are drained and stopped, which goes on in the background. A panel that comes back while its worker still leaves is
 * started once that has gone. Resolves with what only a restart takes up, by name.
 */
export async function applyPanels(deps: ReloadDeps, next: AgentConfig): Promise<readonly string[]> {
  const { registry, log } = deps;
  const wanted = new Map(next.panels.map((panel) => [panel.name, panel]));
  const stale: string[] = [];
  const compared: Promise<void>[] = [];
  for (const worker of newestWorkers(registry.workers())) {
    const { name } = worker.panel;
    const panel = wanted.get(name);
    wanted.delete(name);
    if (worker.leaving) {
      worker.successor = panel;
      if (panel !== undefined) log.info({ panel: name }, 'Panel comes back once its worker has gone');
    } else if (panel === undefined) beginRemoval(deps, worker);
    else if (!isDeepStrictEqual(panel, worker.panel)) stale.push(`panel ${name}`);
    else if (worker.supervisor !== undefined) compared.push(worker.supervisor.compare(registry.argv(worker, panel)));
  }
  for (const panel of wanted.values()) installPanel(deps, panel);
  await Promise.all(compared);
  return stale;
}

function beginRemoval(deps: ReloadDeps, worker: NodeWorker): void {
  const panel = worker.panel.name;
  deps.log.info({ panel }, 'Panel removed: it is drained and stopped');
  removePanel(deps, worker).catch((error: unknown) => {
    deps.log.error({ err: error, panel }, 'A removed panel could not be stopped');
  });
}

function installPanel({ registry, log }: ReloadDeps, panel: PanelConfig): void {
  log.info({ panel: panel.name }, 'Panel installed');
  registry.add(panel);
}

/** Keys outside of the panels that changed and need a restart. */
export function staleKeys(before: AgentConfig, next: AgentConfig): readonly string[] {
  const live = new Set(['panels', 'panelFiles', 'panelProblems', 'log']);
  const keys = new Set([...Object.keys(before), ...Object.keys(next)]) as Set<keyof AgentConfig>;
  return [...keys].filter((key) => !live.has(key) && !isDeepStrictEqual(before[key], next[key]));
}

/** A running agent, as far as a reload changes it. */
export interface Reloading {
  readonly deps: {
    readonly configFile: string;
    readonly overrides: ConfigOverrides;
    readonly log: Log;
    readonly clock: Clock;
    readonly pod: Pick<PodFacts, 'uid'>;
  };
  /** What it was started with. */
  readonly config: AgentConfig;
  readonly identity: Identity;
  readonly certificates: CertificateSource | undefined;
  readonly registry: Registry;
  /** Files of the panels that run, by name of the panel; replaced. */
  readonly panelFiles: Map<string, string>;
  /** Panels as the configuration was read last, by name; replaced. */
  readonly configured: Map<string, PanelConfig>;
  readonly attachmentReviews: AttachmentReviews;
  readonly instance: string;
  /** Names of what only a restart takes up; replaced. */
  readonly stale: Set<string>;
}

/** Takes up identities, certificate and configuration, each for itself: what is wrong stays as it was, and is logged. */
export async function reloadAgent(reloading: Reloading): Promise<void> {
  const { deps, identity, certificates, attachmentReviews } = reloading;
  await attempt(deps.log, 'identity', async () => {
    await identity.reload();
    // The API server's answers did not change by a reload.
    attachmentReviews.reviewNow(({ caller }) => caller.kubernetes === undefined);
  });
  await attempt(deps.log, 'certificate', async () => certificates?.reload());
  await reloadConfiguration(reloading);
}

/** Takes up the configuration and the panels beside it. */
export async function reloadConfiguration({
  deps,
  config,
  registry,
  panelFiles,
  configured,
  instance,
  stale,
}: Reloading): Promise<void> {
  const { log, clock } = deps;
  await attempt(log, 'configuration', async () => {
    const next = withWhatRuns(await readAgentConfig(deps.configFile, deps.overrides), registry, panelFiles);
    tellProblems(log, next);
    await prepareDirectories(next, deps.pod.uid);
    log.level = next.log.level;
    const left = [...staleKeys(config, next), ...(await applyPanels({ registry, clock, log, instance }, next))];
    noteFiles(panelFiles, next);
    configured.clear();
    for (const panel of next.panels) configured.set(panel.name, panel);
    stale.clear();
    for (const name of left) stale.add(name);
    if (left.length > 0) log.warn({ changed: left }, 'Some changes need a restart of the agent');
    registry.changes.notify();
  });
  log.info('Reloaded');
}

/** Remembers which panel came from which file. */
export function noteFiles(panelFiles: Map<string, string>, config: Pick<AgentConfig, 'panelFiles'>): void {
  panelFiles.clear();
  for (const [name, file] of Object.entries(config.panelFiles)) panelFiles.set(name, file);
}

/** Tells of files that are left out. */
export function tellProblems(log: Log, { panelProblems }: Pick<AgentConfig, 'panelProblems'>): void {
  for (const { file, message } of panelProblems) {
    log.error({ file, code: 'CONFIG_INVALID' }, `${message}. This panel is left out until the file is right.`);
  }
}

/** A panel whose file has become wrong runs on as it is. */
function withWhatRuns(
  next: AgentConfig,
  registry: Pick<Registry, 'workers'>,
  panelFiles: ReadonlyMap<string, string>,
): AgentConfig {
  const wrong = new Set(next.panelProblems.map(({ file }) => file));
  const taken = new Set(next.panels.map(({ name }) => name));
  const kept = newestWorkers(registry.workers())
    .filter(({ panel, leaving }) => !leaving && !taken.has(panel.name) && wrong.has(panelFiles.get(panel.name) ?? ''))
    .map(({ panel }) => panel);
  const files = Object.fromEntries(kept.map(({ name }) => [name, panelFiles.get(name) ?? '']));
  return { ...next, panels: [...next.panels, ...kept], panelFiles: { ...next.panelFiles, ...files } };
}

async function attempt(log: Log, what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    log.error({ err: PaneletError.from(error), what }, 'Reload failed, what was in force stays');
  }
}
