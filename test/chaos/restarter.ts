import { sleep, type Clock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import type { PanelRestart, PanelRestartSpec } from '#controller/restart/api/panel-restart.js';
import { createRestart, patchRestart } from '#test/e2e/support/restarts.js';
import type { World } from '#test/e2e/support/world.js';
import { hostRestartSpec, planAgentRestart, type PlannedRestart } from './restart-plan.js';
import type { SessionKeeper } from './session-keeper.js';

/** How a restart ended. */
export interface RestartOutcome {
  readonly name: string;
  readonly target: string;
  readonly phase: string;
  readonly forced: number;
}

/** Asks for one restart after the other. */
export interface Restarter {
  readonly outcomes: readonly RestartOutcome[];
  /** Asks for no more, and waits until those under way are over, or it takes too long. */
  stop(): Promise<void>;
}

/** What a restarter needs. */
export interface RestarterOptions {
  readonly world: World;
  readonly keeper: SessionKeeper;
  readonly seed: number;
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

const retryMs = 1_000;
const patienceMs = 120_000;
const restartLimitMs = 300_000;
// From there on the crash back-off is longer than a restart of the host.
const manyRestarts = 2;

/** Begins at once, with agents and hosts beside each other. */
export function startRestarter({ world, keeper, seed, clock, say }: RestarterOptions): Restarter {
  const outcomes: RestartOutcome[] = [];
  const stopping = new AbortController();
  const { signal } = stopping;
  const pause = (ms: number): Promise<void> => sleep(clock, ms, signal).catch(() => undefined);

  /** Tries until the API server takes it; gives up after a while. */
  const insist = async <T>(act: () => Promise<T>): Promise<T | undefined> => {
    const deadlineMs = clock.nowMs() + patienceMs;
    while (clock.nowMs() < deadlineMs) {
      try {
        return await act();
      } catch {
        await sleep(clock, retryMs);
      }
    }
    return undefined;
  };
  const change = (name: string, spec: Partial<PanelRestartSpec>): Promise<unknown> =>
    insist(() => patchRestart(world, name, spec));
  const isOver = (name: string): boolean => world.watch.restart(name)?.status?.completionTime !== undefined;
  const untilOver = async (name: string, limitMs: number): Promise<boolean> => {
    const deadlineMs = clock.nowMs() + limitMs;
    while (!isOver(name) && clock.nowMs() < deadlineMs) await sleep(clock, 200);
    return isOver(name);
  };
  const finish = async ({ metadata: { name } }: PanelRestart, target: string): Promise<void> => {
    if (!(await untilOver(name, restartLimitMs))) {
      say(`restart ${name} of ${target} takes too long and is aborted`);
      await change(name, { abort: true });
      await untilOver(name, patienceMs);
    }
    const status = world.watch.restart(name)?.status;
    outcomes.push({ name, target, phase: status?.phase ?? 'gone', forced: status?.sessions?.forced ?? 0 });
  };
  const interfere = async ({ course, afterMs, pausedMs }: PlannedRestart, name: string): Promise<void> => {
    if (course === 'leave') return;
    await pause(afterMs);
    if (isOver(name)) return;
    if (course === 'abort') await change(name, { abort: true });
    else {
      await change(name, { paused: true });
      await pause(pausedMs);
      await change(name, { paused: false });
    }
  };
  const agents = async (): Promise<void> => {
    const random = createSeededRandom(seed ^ 0x1b873593);
    while (!signal.aborted) {
      const planned = planAgentRestart(random);
      const made = await insist(() => createRestart(world, planned.spec));
      if (made !== undefined) {
        await interfere(planned, made.metadata.name);
        await finish(made, 'panelet-agent');
      }
      await pause(500 + random.number() * 4_000);
    }
  };
  const restartHost = async (node: string): Promise<void> => {
    const made = await insist(() => createRestart(world, hostRestartSpec(node), 'panelet-host'));
    if (made !== undefined) await finish(made, 'panelet-host');
  };
  const hosts = async (): Promise<void> => {
    const random = createSeededRandom(seed ^ 0xcc9e2d51);
    for (;;) {
      await pause(30_000 + random.number() * 40_000);
      if (signal.aborted) return;
      const nodes = world.nodeNames();
      const chance = random.number();
      const worn = nodes.find((node) =>
        world
          .pod('host', node)
          ?.status?.containerStatuses?.some(({ restartCount = 0 }) => restartCount >= manyRestarts),
      );
      const node = worn ?? nodes[Math.floor(random.number() * nodes.length)] ?? '';
      // With shells it is called off at the deadline; without, it goes through.
      if (worn === undefined && chance < 0.4) await restartHost(node);
      else await keeper.withoutShells(node, () => restartHost(node));
    }
  };
  const running = [agents(), hosts()];
  return {
    outcomes,
    stop: async () => {
      stopping.abort(new Error('enough'));
      await Promise.all(running);
    },
  };
}
