import type { Links } from './links.js';

/** What an instance brings of a session: acknowledged inputs in its state, and whether it began from nothing, which clients are told. */
export interface Content {
  readonly inputs: number;
  readonly isFresh: boolean;
}

/** What an instance is doing with the session, as the incarnation that it wants or has. */
export type Stance =
  | { readonly kind: 'idle' }
  /** It has claimed, and waits for the state once it has asked for it. */
  | { readonly kind: 'claimed'; readonly incarnation: number; readonly hasAsked: boolean }
  /** It has claimed, and whoever has `of` refuses connections; once it has looked again, it may begin from nothing. */
  | { readonly kind: 'bereft'; readonly incarnation: number; readonly of: number; readonly hasLooked: boolean }
  /** It has claimed and read the checkpoint of a number, which somebody else may consume before it does. */
  | { readonly kind: 'read'; readonly incarnation: number; readonly content: Content; readonly checkpoint: number }
  /** It has a state and no `.live` yet. */
  | { readonly kind: 'restored'; readonly incarnation: number; readonly content: Content; readonly giver: string }
  /** Its `.live` is there; it has not looked for a claim above its own. */
  | { readonly kind: 'decided'; readonly incarnation: number; readonly content: Content; readonly giver: string }
  /** It accepts input. */
  | { readonly kind: 'live'; readonly incarnation: number; readonly content: Content }
  /** It is frozen, and has sent its state to whoever claimed `to`. */
  | { readonly kind: 'giving'; readonly incarnation: number; readonly content: Content; readonly to: number }
  /** It is frozen, and has sealed its state in the checkpoint of a number. */
  | { readonly kind: 'sealed'; readonly incarnation: number; readonly content: Content; readonly checkpoint: number }
  /** Somebody else has the session. */
  | { readonly kind: 'gone' };

/** A stance of one kind. */
export type StanceOf<Kind extends Stance['kind']> = Extract<Stance, { readonly kind: Kind }>;

/** An instance of a worker. */
export interface Instance {
  readonly name: string;
  readonly isUp: boolean;
  readonly stance: Stance;
  /** Claims that it may still make. */
  readonly attempts: number;
}

interface Envelope {
  readonly from: string;
  readonly to: string;
  /** What the receiver of a state, or the sender of the others, has claimed. */
  readonly incarnation: number;
}

/** Something that one instance has sent to another. */
export type Letter =
  | (Envelope & { readonly kind: 'ask' })
  | (Envelope & { readonly kind: 'state'; readonly content: Content })
  | (Envelope & { readonly kind: 'done' });

/** The last checkpoint of a session. It survives everything. */
export interface OwnedCheckpoint {
  readonly number: number;
  readonly content: Content;
  /** Incarnation for which it was consumed; 0 while it is sealed. */
  readonly consumedFor: number;
}

/** All that the future of a session depends on. */
export interface Situation {
  readonly instances: readonly Instance[];
  readonly links: Links;
  readonly letters: readonly Letter[];
  readonly checkpoint: OwnedCheckpoint | undefined;
  /** Highest incarnation that has accepted anything, where power cuts may come. */
  readonly accepted: number;
  /** True once an incarnation that clients know has begun from nothing. */
  readonly isReused: boolean;
  /** Inputs that clients know to be taken, since the session last began. */
  readonly acknowledged: number;
  readonly wasKilled: boolean;
  /** How often each of these may still happen. */
  readonly left: {
    readonly kills: number;
    readonly timeouts: number;
    readonly inputs: number;
    readonly seals: number;
    readonly aborts: number;
    readonly powerCuts: number;
  };
}

/** The instance of a name. */
export function instanceOf({ instances }: Situation, name: string): Instance | undefined {
  return instances.find((instance) => instance.name === name);
}

/** The situation with an instance in another stance. */
export function inStance(situation: Situation, name: string, stance: Stance): Situation {
  const instances = situation.instances.map((instance) =>
    instance.name === name ? { ...instance, stance } : instance,
  );
  return { ...situation, instances };
}

/** The situation with one more letter under way; to nobody where `to` is empty. */
export function withLetter(situation: Situation, letter: Letter): Situation {
  return letter.to === '' ? situation : { ...situation, letters: [...situation.letters, letter] };
}

/** The situation after one more of what may happen so many times. */
export function spent(situation: Situation, what: keyof Situation['left']): Situation {
  const { left } = situation;
  return { ...situation, left: { ...left, [what]: left[what] - 1 } };
}

/** True while an instance answers. */
export function isUp(situation: Situation, name: string): boolean {
  return instanceOf(situation, name)?.isUp === true;
}

/** One thing that can happen next. */
export interface Move {
  readonly name: string;
  readonly next: Situation;
  /** True for a kill: nobody may count on it. */
  readonly isKill?: boolean;
}
