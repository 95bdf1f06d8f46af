import { randomUUID } from 'node:crypto';
import { panelRestarts, type PanelRestart, type PanelRestartSpec } from '#controller/restart/api/panel-restart.js';
import { waitFor } from '#test/support/wait-for.js';
import type { World } from './world.js';

/** Creates a PanelRestart for the agents. */
export function createRestart(
  world: World,
  spec: Omit<PanelRestartSpec, 'targetRef'>,
  target = 'panelet-agent',
): Promise<PanelRestart> {
  const name = `e2e-${randomUUID().slice(0, 8)}`;
  return world.watch.api.create(panelRestarts, {
    metadata: { name, namespace: world.env.namespace },
    spec: { targetRef: { name: target }, ...spec },
  });
}

/** Patches a PanelRestart's spec. */
export async function patchRestart(world: World, name: string, spec: Partial<PanelRestartSpec>): Promise<void> {
  await world.watch.api.patch(panelRestarts, { namespace: world.env.namespace, name }, { spec });
}

/** Waits until a restart is in one of these phases. */
export async function restartIn(
  world: World,
  name: string,
  phases: readonly string[],
  limitMs = 60_000,
): Promise<PanelRestart> {
  const get = (): PanelRestart | undefined => world.watch.restart(name);
  try {
    await waitFor(
      `restart ${name} to be ${phases.join(' or ')}`,
      () => phases.includes(get()?.status?.phase ?? ''),
      limitMs,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message} ${JSON.stringify(get()?.status, null, 1)}`, { cause: error });
  }
  const restart = get();
  if (restart === undefined) throw new Error(`Restart ${name} was deleted.`);
  return restart;
}

/** Status of a condition. */
export function conditionOf(
  restart: PanelRestart | undefined,
  type: string,
): { status?: string; reason?: string; message?: string } {
  return restart?.status?.conditions?.find((condition) => condition.type === type) ?? {};
}

/** Deletes what a failed test left under way, so that the next one begins with a quiet cluster. */
export async function abandonRestarts(world: World): Promise<void> {
  for (const { metadata, status } of world.watch.restarts()) {
    if (status?.completionTime === undefined) await world.tryKubectl('delete', 'prs', metadata.name, '--timeout=60s');
  }
}
