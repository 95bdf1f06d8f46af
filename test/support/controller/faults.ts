import type { KubeApi } from '#kube/api.js';
import { withMethods } from '#test/support/with-methods.js';
import type { GateCalls } from '#controller/restart/api/ports.js';

/** A point at which a controller dies: before its nth call takes effect, or after, before it hears the answer. */
export interface FaultPoint {
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** Thrown at the fault point and by every call of a dead controller. */
export class Crash extends Error {
  constructor() {
    super('the controller was killed here');
  }
}

/** The seams of one life of a controller, with a fault in them. */
export interface Fault {
  readonly api: KubeApi;
  readonly gates: GateCalls;
  readonly isDead: () => boolean;
  /** Writes and gate calls so far, as `name` each. */
  readonly calls: string[];
}

const writes = ['create', 'patch', 'patchStatus', 'delete', 'evict'] as const;
const gateCalls = ['status', 'receipt', 'cordon', 'uncordon', 'retire'] as const;

/** Leases and events are written all the time and mean nothing to a restart. */
function isUncounted(resource: unknown): boolean {
  const { plural } = (resource ?? {}) as { plural?: unknown };
  return plural === 'leases' || plural === 'events';
}

/** Wraps the seams so that every write and gate call is counted and the one at the fault point is the last. */
export function createFault(realApi: KubeApi, realGates: GateCalls, point: FaultPoint | undefined): Fault {
  const calls: string[] = [];
  let dead = false;
  const guard = <A extends unknown[], R>(name: string, real: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (dead) throw new Crash();
      if (isUncounted(args[0])) return real(...args);
      calls.push(name);
      const here = calls.length === point?.call;
      if (here && point.when === 'before') dead = true;
      if (dead) throw new Crash();
      try {
        return await real(...args);
      } finally {
        if (here) dead = true;
        // eslint-disable-next-line no-unsafe-finally -- a dead controller hears neither answer nor error
        if (dead) throw new Crash();
      }
    };
  };
  const api = withMethods(realApi) as unknown as Record<string, unknown>;
  for (const name of writes) api[name] = guard(name, realApi[name].bind(realApi) as never);
  const gates = withMethods(realGates) as unknown as Record<string, unknown>;
  for (const name of gateCalls) gates[name] = guard(name, realGates[name].bind(realGates) as never);
  gates['drain'] = (...args: Parameters<GateCalls['drain']>) => {
    if (dead) return { stop: () => undefined };
    calls.push('drain');
    const here = calls.length === point?.call;
    if (here && point.when === 'before') dead = true;
    if (dead) return { stop: () => undefined };
    const [address, request, listener] = args;
    const call = realGates.drain(address, request, {
      onState: (state) => (dead ? undefined : listener.onState(state)),
      onEnd: (error) => (dead ? undefined : listener.onEnd(error)),
    });
    if (here) dead = true;
    return call;
  };
  return { api: api as unknown as KubeApi, gates: gates as unknown as GateCalls, isDead: () => dead, calls };
}
