import { claimAbove, linked, nextIncarnation, ownerOf } from './links.js';
import type { OwnershipConfig } from './rules.js';
import {
  inStance,
  instanceOf,
  withLetter,
  type Instance,
  type Letter,
  type Situation,
  type Stance,
} from './situation.js';

/** One thing that can happen next. */
export interface Move {
  readonly name: string;
  readonly next: Situation;
  /** True for a kill: nobody may count on it. */
  readonly isKill?: boolean;
}

type StanceOf<Kind extends Stance['kind']> = Extract<Stance, { readonly kind: Kind }>;

/** Everything that can happen next, in a fixed order. */
export function movesOf(situation: Situation, config: OwnershipConfig): readonly Move[] {
  const own = situation.instances
    .filter(({ isUp }) => isUp)
    .flatMap((instance) => ownMoves(situation, instance, config));
  return [...own, ...deliveries(situation, config), ...kills(situation)];
}

function ownMoves(situation: Situation, instance: Instance, config: OwnershipConfig): readonly Move[] {
  const { name, stance } = instance;
  switch (stance.kind) {
    case 'idle':
      return claims(situation, instance);
    case 'claimed':
      return [
        ...asks(situation, name, stance),
        ...findsNobody(situation, name, stance, config),
        ...declines(situation, instance),
      ];
    case 'bereft':
      return [stance.hasLooked ? beginsAgain(situation, name, stance) : looksAgain(situation, name, stance)];
    case 'restored':
      return [decides(situation, name, stance)];
    case 'decided':
      return [looksAbove(situation, name, stance, config)];
    case 'live':
      return accepts(situation, name, stance);
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
  const links = linked(situation.links, 'claims', { incarnation, instance: name });
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
  const isRefused = owner !== undefined && !isUp(situation, owner.instance);
  if (owner === undefined || (!isRefused && mistakes?.rollsBackTheLiving !== true)) return [];
  const stance: Stance = { kind: 'bereft', incarnation, of: owner.incarnation, hasLooked: false };
  return [{ name: `${name} is refused by ${owner.instance}`, next: inStance(situation, name, stance) }];
}

function declines(situation: Situation, { name, stance }: Instance): readonly Move[] {
  const { left } = situation;
  if (left.timeouts === 0 || stance.kind !== 'claimed' || !stance.hasAsked) return [];
  const next = inStance({ ...situation, left: { ...left, timeouts: left.timeouts - 1 } }, name, { kind: 'idle' });
  return [{ name: `${name} loses patience`, next }];
}

/** (e) And the highest `.live` is the same afterwards. */
function looksAgain(situation: Situation, name: string, stance: StanceOf<'bereft'>): Move {
  const { incarnation, of } = stance;
  const isSame = ownerOf(situation.links)?.incarnation === of;
  const next: Stance = isSame ? { ...stance, hasLooked: true } : { kind: 'claimed', incarnation, hasAsked: false };
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
  { mistakes }: OwnershipConfig,
): Move {
  const told = withLetter(situation, { kind: 'done', from: name, to: giver, incarnation });
  const above = mistakes?.noLook === true ? undefined : claimAbove(situation.links, incarnation);
  if (above === undefined) {
    return {
      name: `${name} accepts as ${incarnation}`,
      next: inStance(told, name, { kind: 'live', incarnation, content }),
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
  const taken = { ...situation, acknowledged: inputs, left: { ...left, inputs: left.inputs - 1 } };
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
  const patience = mayCome ? { ...situation, left: { ...left, timeouts: left.timeouts - 1 } } : situation;
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
        ...situation,
        instances: situation.instances.map((other) =>
          other.name === name ? { ...other, isUp: false, stance: { kind: 'idle' } as const } : other,
        ),
        wasKilled: true,
        left: { ...left, kills: left.kills - 1 },
      };
      const arrives = situation.letters.filter(({ to }) => to !== name);
      const lost = arrives.filter(({ from }) => from !== name);
      const died = { name: `${name} is killed`, next: { ...dead, letters: arrives }, isKill: true };
      return lost.length === arrives.length
        ? [died]
        : [died, { name: `${name} is killed, with its letters`, next: { ...dead, letters: lost }, isKill: true }];
    });
}

function isUp(situation: Situation, name: string): boolean {
  return instanceOf(situation, name)?.isUp === true;
}
