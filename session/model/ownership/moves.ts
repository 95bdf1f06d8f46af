import { claimAbove, claimed, linked, nextIncarnation, ownerOf } from './links.js';
import { powerCuts } from './power-cut.js';
import type { OwnershipConfig } from './rules.js';
import { consumes, isKept, leavesSealed, reads, seals } from './sealing.js';
import {
  inStance,
  instanceOf,
  isUp,
  spent,
  withLetter,
  type Instance,
  type Letter,
  type Move,
  type Situation,
  type Stance,
  type StanceOf,
} from './situation.js';

/** Everything that can happen next, in a fixed order. */
export function movesOf(situation: Situation, config: OwnershipConfig): readonly Move[] {
  const own = situation.instances
    .filter(({ isUp }) => isUp)
    .flatMap((instance) => ownMoves(situation, instance, config));
  return [...own, ...deliveries(situation, config), ...kills(situation), ...powerCuts(situation, config)];
}

function ownMoves(situation: Situation, instance: Instance, config: OwnershipConfig): readonly Move[] {
  const { name, stance } = instance;
  switch (stance.kind) {
    case 'idle':
      return claims(situation, instance);
    case 'claimed':
      return [
        ...asks(situation, name, stance),
        ...reads(situation, name, stance),
        ...findsNobody(situation, name, stance, config),
        ...declines(situation, instance),
      ];
    case 'bereft':
      return [stance.hasLooked ? beginsAgain(situation, name, stance) : looksAgain(situation, name, stance, config)];
    case 'read':
      return [consumes(situation, name, stance, config)];
    case 'restored':
      return [decides(situation, name, stance)];
    case 'decided':
      return [looksAbove(situation, name, stance, config)];
    case 'live':
      return [...accepts(situation, name, stance), ...seals(situation, name, stance)];
    case 'sealed':
      return leavesSealed(situation, name, stance, config);
    case 'giving':
      return takesBack(situation, name, stance, config);
    case 'gone':
      return [];
  }
}

/** (a) A taker claims before anything is frozen. */
function claims(situation: Situation, { name, attempts }: Instance): readonly Move[] {
  if (attempts === 0) return [];
  const incarnation = nextIncarnation(situation.links);
  const claim = { incarnation, instance: name };
  const { links: before, left } = situation;
  // What is synced matters to power cuts alone.
  const links = left.powerCuts > 0 ? claimed(before, claim) : linked(before, 'claims', claim);
  if (links === undefined) return [];
  const instances = situation.instances.map((other) =>
    other.name === name ? { ...other, attempts: attempts - 1 } : other,
  );
  const next = inStance({ ...situation, links, instances }, name, { kind: 'claimed', incarnation, hasAsked: false });
  return [{ name: `${name} claims ${incarnation}`, next }];
}

function asks(situation: Situation, name: string, { incarnation, hasAsked }: StanceOf<'claimed'>): readonly Move[] {
  const owner = ownerOf(situation.links);
  if (hasAsked || owner === undefined || owner.instance === name || !isUp(situation, owner.instance)) return [];
  const asking = inStance(situation, name, { kind: 'claimed', incarnation, hasAsked: true });
  const next = withLetter(asking, { kind: 'ask', from: name, to: owner.instance, incarnation });
  return [{ name: `${name} asks ${owner.instance} for ${incarnation}`, next }];
}

/** (e) Only where the owner of the highest `.live` refuses connections. */
function findsNobody(
  situation: Situation,
  name: string,
  { incarnation }: StanceOf<'claimed'>,
  { mistakes }: OwnershipConfig,
): readonly Move[] {
  const owner = ownerOf(situation.links);
  const isRefused = owner === undefined || !isUp(situation, owner.instance);
  if (!isRefused && mistakes?.rollsBackTheLiving !== true) return [];
  const stance: Stance = { kind: 'bereft', incarnation, of: owner?.incarnation ?? 0, hasLooked: false };
  return [{ name: `${name} is refused by ${owner?.instance ?? 'nobody'}`, next: inStance(situation, name, stance) }];
}

function declines(situation: Situation, { name, stance }: Instance): readonly Move[] {
  const { left } = situation;
  if (left.timeouts === 0 || stance.kind !== 'claimed' || !stance.hasAsked) return [];
  const next = inStance(spent(situation, 'timeouts'), name, { kind: 'idle' });
  return [{ name: `${name} loses patience`, next }];
}

/** (e) And the highest `.live` is the same afterwards, and no checkpoint is sealed, or being restored by somebody. */
function looksAgain(situation: Situation, name: string, stance: StanceOf<'bereft'>, config: OwnershipConfig): Move {
  const { incarnation, of } = stance;
  const isSame = (ownerOf(situation.links)?.incarnation ?? 0) === of;
  const isNobodys = isSame && !isKept(situation, of, config);
  const next: Stance = isNobodys ? { ...stance, hasLooked: true } : { kind: 'claimed', incarnation, hasAsked: false };
  return { name: `${name} looks again`, next: inStance(situation, name, next) };
}

function beginsAgain(situation: Situation, name: string, { incarnation }: StanceOf<'bereft'>): Move {
  const content = { inputs: 0, isFresh: true };
  return decides(situation, name, { kind: 'restored', incarnation, content, giver: '' });
}

/** (b) Whoever links `.live` first has it. */
function decides(situation: Situation, name: string, { incarnation, content, giver }: StanceOf<'restored'>): Move {
  const links = linked(situation.links, 'lives', { incarnation, instance: name });
  const title = `${name} links ${incarnation}.live`;
  if (links === undefined) return { name: `${title}, too late`, next: inStance(situation, name, { kind: 'gone' }) };
  return {
    name: title,
    next: inStance({ ...situation, links }, name, { kind: 'decided', incarnation, content, giver }),
  };
}

/** (c) After its link, and before it accepts, it looks for a claim above its own. */
function looksAbove(
  situation: Situation,
  name: string,
  { incarnation, content, giver }: StanceOf<'decided'>,
  { mistakes, powerCuts: cuts = 0 }: OwnershipConfig,
): Move {
  const told = withLetter(situation, { kind: 'done', from: name, to: giver, incarnation });
  const above = mistakes?.noLook === true ? undefined : claimAbove(situation.links, incarnation);
  if (above === undefined) {
    const { accepted } = situation;
    const isReused = situation.isReused || (content.isFresh && incarnation <= accepted);
    // Only a power cut takes links away, so that an incarnation could come again.
    const accepting = { ...told, accepted: cuts === 0 ? accepted : Math.max(accepted, incarnation), isReused };
    return {
      name: `${name} accepts as ${incarnation}`,
      next: inStance(accepting, name, { kind: 'live', incarnation, content }),
    };
  }
  if (mistakes?.drops === true) return { name: `${name} drops it`, next: inStance(told, name, { kind: 'gone' }) };
  const giving = inStance(told, name, { kind: 'giving', incarnation, content, to: above.incarnation });
  const offer: Letter = { kind: 'state', from: name, to: above.instance, incarnation: above.incarnation, content };
  return { name: `${name} offers it to ${above.instance}`, next: withLetter(giving, offer) };
}

function accepts(situation: Situation, name: string, stance: StanceOf<'live'>): readonly Move[] {
  const { left } = situation;
  if (left.inputs === 0) return [];
  const inputs = stance.content.inputs + 1;
  const taken = { ...spent(situation, 'inputs'), acknowledged: inputs };
  const next = inStance(taken, name, { ...stance, content: { ...stance.content, inputs } });
  return [{ name: `${name} acknowledges input ${inputs}`, next }];
}

/** (b) Before a giver goes on after having given, it links the `.live` of the claim that it gave to. */
function takesBack(
  situation: Situation,
  name: string,
  { incarnation, content, to }: StanceOf<'giving'>,
  { mistakes }: OwnershipConfig,
): readonly Move[] {
  const { left } = situation;
  const mayCome = isExpected(situation, to);
  if (mayCome && left.timeouts === 0) return [];
  const patience = mayCome ? spent(situation, 'timeouts') : situation;
  if (mistakes?.noDecision === true) {
    const next = inStance(patience, name, { kind: 'live', incarnation, content });
    return [{ name: `${name} goes on`, next }];
  }
  const { name: title, next } = decides(patience, name, { kind: 'restored', incarnation: to, content, giver: '' });
  return [{ name: `${title}, to take it back`, next }];
}

/** True while the one that a session was given to may still take it, or say that it has. */
function isExpected({ instances, letters }: Situation, to: number): boolean {
  if (letters.some((letter) => letter.kind !== 'ask' && letter.incarnation === to)) return true;
  return instances.some(
    ({ stance }) => 'incarnation' in stance && stance.incarnation === to && stance.kind !== 'claimed',
  );
}

function deliveries(situation: Situation, config: OwnershipConfig): readonly Move[] {
  return situation.letters.map((letter) => {
    const read = { ...situation, letters: situation.letters.filter((other) => other !== letter) };
    const { kind, to, incarnation } = letter;
    return { name: `${to} reads ${kind} of ${incarnation}`, next: delivered(read, letter, config) };
  });
}

function delivered(situation: Situation, letter: Letter, { mistakes }: OwnershipConfig): Situation {
  const { to: name, from, incarnation } = letter;
  const stance = instanceOf(situation, name)?.stance;
  switch (letter.kind) {
    case 'ask': {
      // (d) An instance gives only to a claim above its own.
      if (stance?.kind !== 'live') return situation;
      if (incarnation <= stance.incarnation && mistakes?.givesDownwards !== true) return situation;
      const { content } = stance;
      const giving = inStance(situation, name, {
        kind: 'giving',
        incarnation: stance.incarnation,
        content,
        to: incarnation,
      });
      return withLetter(giving, { kind: 'state', from: name, to: from, incarnation, content });
    }
    case 'state': {
      const waits = stance?.kind === 'claimed' || stance?.kind === 'bereft';
      if (!waits || stance.incarnation !== incarnation) return situation;
      return inStance(situation, name, { kind: 'restored', incarnation, content: letter.content, giver: from });
    }
    case 'done':
      return stance?.kind === 'giving' && stance.to === incarnation
        ? inStance(situation, name, { kind: 'gone' })
        : situation;
  }
}

/** Dies with all that is under way to it, and with or without what is under way from it. */
function kills(situation: Situation): readonly Move[] {
  const { left } = situation;
  if (left.kills === 0) return [];
  return situation.instances
    .filter(({ isUp: up }) => up)
    .flatMap(({ name }) => {
      const dead = {
        ...spent(situation, 'kills'),
        instances: situation.instances.map((other) =>
          other.name === name ? { ...other, isUp: false, stance: { kind: 'idle' } as const } : other,
        ),
        wasKilled: true,
      };
      const arrives = situation.letters.filter(({ to }) => to !== name);
      const lost = arrives.filter(({ from }) => from !== name);
      const died = { name: `${name} is killed`, next: { ...dead, letters: arrives }, isKill: true };
      return lost.length === arrives.length
        ? [died]
        : [died, { name: `${name} is killed, with its letters`, next: { ...dead, letters: lost }, isKill: true }];
    });
}
