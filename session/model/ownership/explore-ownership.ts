import { ownerOf } from './links.js';
import { movesOf } from './moves.js';
import type { OwnershipConfig } from './rules.js';
import type { Instance, Situation } from './situation.js';

/** What an exploration found. */
export interface OwnershipExploration {
  readonly situations: number;
  /** The first rule found broken, by a shortest way to it. */
  readonly failure: { readonly rule: string; readonly trace: readonly string[] } | undefined;
}

interface Reached {
  readonly situation: Situation;
  readonly before: Reached | undefined;
  readonly move: string;
}

/** Tries every order of everything that may happen to the ownership of one session, breadth first. */
export function exploreOwnership(config: OwnershipConfig): OwnershipExploration {
  const first: Reached = { situation: beginning(config), before: undefined, move: '' };
  const seen = new Set<string>([keyOf(first.situation)]);
  let frontier: readonly Reached[] = [first];
  while (frontier.length > 0) {
    const next: Reached[] = [];
    for (const reached of frontier) {
      const moves = movesOf(reached.situation, config);
      const broken = brokenRule(
        reached.situation,
        moves.every(({ isKill }) => isKill === true),
      );
      if (broken !== undefined) return { situations: seen.size, failure: { rule: broken, trace: traceOf(reached) } };
      for (const { name, next: situation } of moves) {
        const rebegun = afterBeginning(situation);
        const key = keyOf(rebegun);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ situation: rebegun, before: reached, move: name });
      }
    }
    frontier = next;
  }
  return { situations: seen.size, failure: undefined };
}

function beginning({ takers, attempts, kills, timeouts, inputs, ...rest }: OwnershipConfig): Situation {
  const { seals = 0, aborts = 0, powerCuts = 0 } = rest;
  const first = { incarnation: 1, instance: 'A' };
  const content = { inputs: 0, isFresh: false };
  const holder: Instance = { name: 'A', isUp: true, stance: { kind: 'live', incarnation: 1, content }, attempts: 0 };
  const others = Array.from({ length: takers }, (_, index): Instance => ({
    name: String.fromCharCode('B'.charCodeAt(0) + index),
    isUp: true,
    stance: { kind: 'idle' },
    attempts,
  }));
  return {
    instances: [holder, ...others],
    links: { claims: [first], lives: [first] },
    letters: [],
    checkpoint: undefined,
    accepted: 1,
    isReused: false,
    acknowledged: 0,
    wasKilled: false,
    left: { kills, timeouts, inputs, seals, aborts, powerCuts },
  };
}

/** The first rule of the design that a situation breaks, by its number there. */
function brokenRule(situation: Situation, isEnd: boolean): string | undefined {
  const { instances, acknowledged, wasKilled, links, checkpoint, isReused } = situation;
  const live = instances.flatMap(({ name, stance }) => (stance.kind === 'live' ? [{ name, ...stance }] : []));
  if (live.length > 1) return 'I14 two instances accept';
  const [holder] = live;
  if (holder !== undefined && ownerOf(links)?.instance !== holder.name)
    return 'I14 who accepts has not the highest .live';
  if (holder !== undefined && holder.content.inputs < acknowledged) {
    if (!holder.content.isFresh) return 'I15 what was acknowledged is missing, and nobody is told';
    if (!wasKilled) return 'I16 a loss without a kill';
  }
  if (isReused) return 'I15 what began from nothing has the incarnation of what was before';
  if (isEnd && !wasKilled && holder === undefined && checkpoint?.consumedFor !== 0) return 'I16 nobody has the session';
  return undefined;
}

/** Clients of a session that began from nothing are told so, and count from there. */
function afterBeginning(situation: Situation): Situation {
  const fresh = situation.instances.find(({ stance }) => stance.kind === 'live' && stance.content.isFresh);
  if (fresh?.stance.kind !== 'live' || !situation.wasKilled) return situation;
  const { inputs } = fresh.stance.content;
  const told = { ...fresh, stance: { ...fresh.stance, content: { inputs, isFresh: false } } };
  const instances = situation.instances.map((instance) => (instance === fresh ? told : instance));
  return { ...situation, acknowledged: inputs, instances };
}

function keyOf({ letters, ...rest }: Situation): string {
  return JSON.stringify([rest, letters.map((letter) => JSON.stringify(letter)).sort()]);
}

function traceOf(reached: Reached): readonly string[] {
  const moves: string[] = [];
  for (let at = reached; at.before !== undefined; at = at.before) moves.unshift(at.move);
  return moves;
}
