import { createSeededRandom, type Random } from '#common/random.js';

/** How one worker comes to be replaced by another. */
export const ways = ['agent ends', 'agent drained', 'reload'] as const;
/** One of them: the agent of the older pod gets SIGTERM; its gate is drained first; or the agent stays, and replaces its worker. */
export type Way = (typeof ways)[number];

/** What is broken in a handover. Of a reload the agent is one, older and newer. */
export const faults = [
  'none',
  'older worker killed',
  'newer worker killed',
  'older agent killed',
  'newer agent killed',
  'older pod killed',
  'newer pod killed',
  'clients cut',
  'client gone',
] as const;
/** One of them. A pod is an agent and its workers; a client that has gone comes back as another process, with the resume token alone. */
export type Fault = (typeof faults)[number];

/** True where a session may lose something, and is told: what a worker has in memory dies with it alone. */
export function losesState(fault: Fault): boolean {
  return fault.includes('worker') || fault.includes('pod');
}

/** What happens in one handover. */
export interface Plan {
  readonly index: number;
  readonly way: Way;
  readonly fault: Fault;
  /** Decides all else that is left to chance in it, as the moment of the fault. */
  readonly random: Random;
}

/** What plans follow from. */
export interface PlanOptions {
  readonly seed: number;
  /** Share of the handovers in which something is broken, from 0 to 1. */
  readonly faultShare: number;
  /** The only fault there is. @default any */
  readonly only?: Fault | undefined;
}

/** Follows from the seed and the handover's number alone, so that one of them can be tried again. */
export function planHandover(index: number, from: PlanOptions): Plan {
  const random = createSeededRandom(from.seed * 1_000_003 + index);
  const isBroken = random.number() < from.faultShare;
  const fault = isBroken ? oneOf(random, from.only === undefined ? faults.slice(1) : [from.only]) : 'none';
  return { index, way: oneOf(random, ways), fault, random };
}

function oneOf<T>(random: Random, values: readonly T[]): T {
  const [first] = values;
  const chosen = values[Math.floor(random.number() * values.length)] ?? first;
  if (chosen === undefined) throw new Error('There is nothing to choose from.');
  return chosen;
}
