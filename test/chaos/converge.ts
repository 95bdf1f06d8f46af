import type { PaneletClient } from '#client/sdk.js';
import { sleep, type Clock } from '#common/time/clock.js';
import type { World } from '#test/e2e/support/world.js';
import { fleetOf, unsettled, type PanelState } from './fleet.js';

const lookEveryMs = 1_000;

async function panelsOf(clients: ReadonlyMap<string, PaneletClient>): Promise<PanelState[]> {
  const found = [...clients].map(async ([node, client]) => {
    const { panels } = await client.listPanels();
    return panels.map(({ name, serving }) => ({ node, panel: name, serving }));
  });
  const settled = await Promise.allSettled(found);
  return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

/** Waits until everything is as before. @returns what is not when the time is over; empty when all is well. */
export async function converge(
  world: World,
  {
    clients,
    clock,
    limitMs,
  }: { readonly clients: ReadonlyMap<string, PaneletClient>; readonly clock: Clock; readonly limitMs: number },
): Promise<readonly string[]> {
  const startMs = clock.nowMs();
  for (;;) {
    const problems = unsettled(fleetOf(world.watch, await panelsOf(clients)));
    if (problems.length === 0 || clock.nowMs() - startMs > limitMs) return problems;
    await sleep(clock, lookEveryMs);
  }
}
