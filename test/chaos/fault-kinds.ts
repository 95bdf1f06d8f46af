/** What chaos breaks. */
export const faultKinds = ['agent', 'worker', 'host', 'controller', 'node', 'api-server', 'network', 'disk'] as const;

/** One of them. */
export type FaultKind = (typeof faultKinds)[number];

/** Panels that chaos has sessions on. */
export type SessionKind = 'echo' | 'terminal';

/** What is known of a kind of fault before it happens. */
export interface FaultNature {
  readonly title: string;
  /** Hits sessions of one node; otherwise those of all. */
  readonly onNode: boolean;
  /** Sessions of these panels may lose something by it, if they are told. Nothing else may ever be lost. */
  readonly mayLose: readonly SessionKind[];
  /** Shortest and longest time until it is healed, in milliseconds; 0 for what heals by itself. */
  readonly holdMs: readonly [shortest: number, longest: number];
  /** One in four holds this long instead: past the limits after which a cluster gives something up. */
  readonly longHoldMs?: readonly [shortest: number, longest: number];
}

const once = [0, 0] as const;

/** The natures of all kinds. */
export const faultNatures: Readonly<Record<FaultKind, FaultNature>> = {
  agent: { title: 'agent killed', onNode: true, mayLose: [], holdMs: once },
  worker: { title: 'worker beside the agent killed', onNode: true, mayLose: ['echo'], holdMs: once },
  host: { title: 'worker in the host killed', onNode: true, mayLose: ['terminal'], holdMs: once },
  controller: { title: 'leading controller killed', onNode: false, mayLose: [], holdMs: once },
  // Not ready after some 55 s.
  node: {
    title: 'node without power',
    onNode: true,
    mayLose: ['echo', 'terminal'],
    holdMs: [3_000, 20_000],
    longHoldMs: [60_000, 75_000],
  },
  // Leaders give up after the deadline of their lease.
  'api-server': {
    title: 'API server killed',
    onNode: false,
    mayLose: [],
    holdMs: [500, 8_000],
    longHoldMs: [18_000, 30_000],
  },
  // A cordon without news ends after 60 s.
  network: {
    title: 'network cut, controller to agent',
    onNode: true,
    mayLose: [],
    holdMs: [4_000, 30_000],
    longHoldMs: [65_000, 75_000],
  },
  disk: {
    title: 'checkpoint volume full',
    onNode: true,
    mayLose: [],
    holdMs: [4_000, 30_000],
    longHoldMs: [40_000, 60_000],
  },
};
