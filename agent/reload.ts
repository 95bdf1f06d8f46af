import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#common/clock.js';
import type { Log } from '#common/log.js';
import type { AgentConfig, PanelConfig } from './config.js';
import { retireUnit } from './retire.js';
import type { Registry } from './workers/registry.js';

/** What a reload needs. */
export interface ReloadDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: string;
}

/**
 * Takes up another configuration as far as that is possible while running: panels that are new are started, panels
 * that are gone are drained and stopped. Resolves with what only a restart takes up, by name.
 */
export async function applyPanels(deps: ReloadDeps, next: AgentConfig): Promise<readonly string[]> {
  const { registry, log } = deps;
  const wanted = new Map(next.panels.map((panel) => [panel.name, panel]));
  const stale: string[] = [];
  const leaving: Promise<void>[] = [];
  for (const unit of registry.units()) {
    const panel = wanted.get(unit.panel.name);
    wanted.delete(unit.panel.name);
    if (panel === undefined) {
      log.info({ panel: unit.panel.name }, 'Panel removed: it is drained and stopped');
      leaving.push(retireUnit(deps, unit));
      continue;
    }
    if (isDeepStrictEqual(panel, unit.panel)) await unit.supervisor?.compare(registry.argv(panel));
    else stale.push(`panel ${panel.name}`);
  }
  for (const panel of wanted.values()) installPanel(deps, panel);
  await Promise.all(leaving);
  return stale;
}

function installPanel({ registry, log }: ReloadDeps, panel: PanelConfig): void {
  log.info({ panel: panel.name }, 'Panel installed');
  registry.add(panel);
}

/** Keys outside of the panels that changed and need a restart. */
export function staleKeys(before: AgentConfig, next: AgentConfig): readonly string[] {
  const live = new Set(['panels', 'log']);
  const keys = new Set([...Object.keys(before), ...Object.keys(next)]) as Set<keyof AgentConfig>;
  return [...keys].filter((key) => !live.has(key) && !isDeepStrictEqual(before[key], next[key]));
}
