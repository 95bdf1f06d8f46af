import { createSeededRandom, type Random } from '#common/random.js';
import { faultKinds, faultNatures, type FaultKind } from './fault-kinds.js';

/** A fault as the seed decides it. */
export interface PlannedFault {
  /** From 1. */
  readonly index: number;
  readonly kind: FaultKind;
  /** Number of the node, from 0; without a meaning for faults that hit all. */
  readonly node: number;
  /** Since the fault before. */
  readonly pauseMs: number;
  /** Until it is healed. */
  readonly holdMs: number;
}

/** What a plan is made from. */
export interface FaultPlanOptions {
  readonly seed: number;
  readonly faults: number;
  readonly nodes: number;
  /** Shortest and longest pause between two faults. @default 3 to 20 s */
  readonly pauseMs?: readonly [shortest: number, longest: number];
}

/** A fault that has begun and is not healed. */
export type OpenFault = Pick<PlannedFault, 'kind' | 'node'>;

function between(random: Random, [shortest, longest]: readonly [number, number]): number {
  return Math.round(shortest + random.number() * (longest - shortest));
}

function holdOf(random: Random, kind: FaultKind): number {
  const { holdMs, longHoldMs } = faultNatures[kind];
  const isLong = random.number() < 0.25;
  return between(random, isLong ? (longHoldMs ?? holdMs) : holdMs);
}

/** The same faults for the same seed: in rounds, each kind once in every round. */
export function planFaults({ seed, faults, nodes, pauseMs = [3_000, 20_000] }: FaultPlanOptions): PlannedFault[] {
  const random = createSeededRandom(seed);
  const kinds: FaultKind[] = [];
  while (kinds.length < faults) {
    const round = faultKinds.map((kind) => ({ kind, place: random.number() }));
    kinds.push(...round.sort((a, b) => a.place - b.place).map(({ kind }) => kind));
  }
  return kinds.slice(0, faults).map((kind, before) => ({
    index: before + 1,
    kind,
    node: Math.floor(random.number() * nodes),
    pauseMs: between(random, pauseMs),
    holdMs: holdOf(random, kind),
  }));
}

/**
 * Whether a fault may begin beside those that are open. Faults overlap; but nothing can be killed on a node without power, one
 * node keeps its power, and what is broken already is not broken twice.
 */
export function mayBegin(fault: OpenFault, open: readonly OpenFault[]): boolean {
  const isNodeDown = (node: number): boolean => open.some((other) => other.kind === 'node' && other.node === node);
  switch (fault.kind) {
    case 'agent':
    case 'worker':
    case 'host':
      return !isNodeDown(fault.node);
    case 'network':
      return !isNodeDown(fault.node) && !open.some(({ kind, node }) => kind === 'network' && node === fault.node);
    case 'disk':
      return !open.some(({ kind, node }) => kind === 'disk' && node === fault.node);
    case 'node':
    case 'api-server':
      return !open.some(({ kind }) => kind === fault.kind);
    case 'controller':
      return true;
  }
}
