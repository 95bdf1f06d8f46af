import { claimantOf, ownerOf } from './links.js';
import type { OwnershipConfig } from './rules.js';
import { inStance, isUp, spent, type Move, type OwnedCheckpoint, type Situation, type StanceOf } from './situation.js';

/** A drain seals what does not move. */
export function seals(situation: Situation, name: string, stance: StanceOf<'live'>): readonly Move[] {
  if (situation.left.seals === 0) return [];
  const { incarnation, content } = stance;
  const number = (situation.checkpoint?.number ?? 0) + 1;
  const written = { ...spent(situation, 'seals'), checkpoint: { number, content, consumedFor: 0 } };
  const next = inStance(written, name, { kind: 'sealed', incarnation, content, checkpoint: number });
  return [{ name: `${name} seals it`, next }];
}

/** The process ends after its drain, or the drain is called off: what it has sealed counts as used before it goes on. */
export function leavesSealed(
  situation: Situation,
  name: string,
  stance: StanceOf<'sealed'>,
  config: OwnershipConfig,
): readonly Move[] {
  const { instances, left } = situation;
  const others = instances.map((other) =>
    other.name === name ? { ...other, isUp: false, stance: { kind: 'idle' } as const } : other,
  );
  const exits: Move = { name: `${name} exits`, next: { ...situation, instances: others } };
  if (left.aborts === 0) return [exits];
  const { incarnation, content, checkpoint } = stance;
  const consumed = consume(spent(situation, 'aborts'), { number: checkpoint, incarnation }, config);
  if (consumed === undefined) {
    return [
      exits,
      { name: `${name} thaws, too late`, next: inStance(spent(situation, 'aborts'), name, { kind: 'gone' }) },
    ];
  }
  return [exits, { name: `${name} thaws`, next: inStance(consumed, name, { kind: 'live', incarnation, content }) }];
}

/** A taker whose claim is above the highest `.live` reads what is sealed, whether its instance is alive or not. */
export function reads(situation: Situation, name: string, { incarnation }: StanceOf<'claimed'>): readonly Move[] {
  const { checkpoint, links } = situation;
  if (checkpoint?.consumedFor !== 0 || incarnation <= (ownerOf(links)?.incarnation ?? 0)) return [];
  const { number, content } = checkpoint;
  const next = inStance(situation, name, { kind: 'read', incarnation, content, checkpoint: number });
  return [{ name: `${name} reads the checkpoint`, next }];
}

/** Whoever consumes what it has read goes on from it; who finds nothing stops. */
export function consumes(situation: Situation, name: string, stance: StanceOf<'read'>, config: OwnershipConfig): Move {
  const { incarnation, content, checkpoint } = stance;
  const consumed = consume(situation, { number: checkpoint, incarnation }, config);
  if (consumed === undefined) {
    return { name: `${name} consumes it, too late`, next: inStance(situation, name, { kind: 'idle' }) };
  }
  const next = inStance(consumed, name, { kind: 'restored', incarnation, content, giver: '' });
  return { name: `${name} consumes it`, next };
}

function consume(
  situation: Situation,
  wanted: { readonly number: number; readonly incarnation: number },
  { mistakes }: OwnershipConfig,
): Situation | undefined {
  const { checkpoint } = situation;
  const isIt = checkpoint?.number === wanted.number || mistakes?.consumesAnother === true;
  if (checkpoint?.consumedFor !== 0 || !isIt) return mistakes?.ignoresConsume === true ? situation : undefined;
  return { ...situation, checkpoint: { ...checkpoint, consumedFor: wanted.incarnation } };
}

/** (e) True where the last checkpoint keeps anybody from beginning anew above the `.live` of an incarnation. */
export function isKept(situation: Situation, live: number, { mistakes }: OwnershipConfig): boolean {
  const { checkpoint } = situation;
  if (checkpoint === undefined) return false;
  if (checkpoint.consumedFor === 0) return mistakes?.rollsBackTheSealed !== true;
  return mistakes?.rollsBackTheConsumed !== true && isBeingRestored(situation, checkpoint, live);
}

// Consumed, and its `.live` not linked yet: not lost for as long as whoever did so is alive.
function isBeingRestored(situation: Situation, { consumedFor }: OwnedCheckpoint, live: number): boolean {
  return consumedFor > live && isUp(situation, claimantOf(situation.links, consumedFor) ?? '');
}
