import { controllerWriteOf, type ControllerWrite } from '#test/support/controller-writes.js';
import type { AuditEvent } from './audit-log.js';
import { tailAuditLog } from './audit-tail.js';
import type { OwnCluster } from './environment.js';
import { readyControllers, replacePod } from './leader.js';
import { killAll, processesOf } from './machine-kill.js';
import type { World } from './world.js';

/** A controller that was killed. */
export interface Kill {
  readonly pod: string;
  /** Kind of the last write it got through. */
  readonly last: string;
}

/** Kills whichever controller writes, after the write. */
export interface LeaderKiller {
  readonly kills: readonly Kill[];
  /** Writes by kind, in order of their first appearance. */
  readonly seen: ReadonlyMap<string, number>;
  /** Times each kind was the last write before a kill. */
  coverage(): ReadonlyMap<string, number>;
  /** Kinds after which another write came through each time, however often the writer was killed for them. */
  outrun(): readonly string[];
  /** Writes after which nobody was killed because no other controller stood by. */
  readonly spared: number;
  stop(): Promise<void>;
}

/** What a killer needs. */
export interface LeaderKillerOptions {
  readonly world: World;
  readonly own: OwnCluster;
  /** A writer is killed until each kind of write has been the last one that often. */
  readonly timesPerKind: number;
}

// On a busy machine the signal comes late, and some writes are followed at once by another: that one was the last then.
const mostAims = 6;

/** Starts at once. */
export function startLeaderKiller({ world, own, timesPerKind }: LeaderKillerOptions): LeaderKiller {
  const kills: { pod: string; last: string }[] = [];
  const seen = new Map<string, number>();
  const aims = new Map<string, number>();
  const replacing: Promise<void>[] = [];
  let spared = 0;
  const coverage = (): Map<string, number> => {
    const counts = new Map([...seen.keys()].map((kind) => [kind, 0]));
    for (const { last } of kills) counts.set(last, (counts.get(last) ?? 0) + 1);
    return counts;
  };
  const hasStandby = (pod: string): boolean => readyControllers(world).some(({ metadata }) => metadata.name !== pod);
  const take = ({ kind, pod, podUid }: ControllerWrite): void => {
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    const dead = kills.find((kill) => kill.pod === pod);
    // It got one more through before the signal came.
    if (dead !== undefined) dead.last = kind;
    const aimed = aims.get(kind) ?? 0;
    if (dead !== undefined || aimed >= mostAims || (coverage().get(kind) ?? 0) >= timesPerKind) return;
    if (!hasStandby(pod)) {
      spared += 1;
      return;
    }
    if (killAll(processesOf('controller', podUid)) === 0) return;
    aims.set(kind, aimed + 1);
    kills.push({ pod, last: kind });
    replacing.push(replacePod(world, pod));
  };
  const onEvent = (event: AuditEvent): void => {
    const write = controllerWriteOf(event, world.env.namespace);
    if (write !== undefined) take(write);
  };
  const stop = tailAuditLog(own, onEvent);
  return {
    kills,
    seen,
    coverage,
    outrun: () =>
      [...coverage()].filter(([kind, count]) => count === 0 && aims.get(kind) === mostAims).map(([kind]) => kind),
    get spared() {
      return spared;
    },
    stop: async () => {
      await stop();
      await Promise.all(replacing);
    },
  };
}
