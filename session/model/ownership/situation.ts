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
  /** It has a state and no `.live` yet. */
  | { readonly kind: 'restored'; readonly incarnation: number; readonly content: Content; readonly giver: string }
  /** Its `.live` is there; it has not looked for a claim above its own. */
  | { readonly kind: 'decided'; readonly incarnation: number; readonly content: Content; readonly giver: string }
  /** It accepts input. */
  | { readonly kind: 'live'; readonly incarnation: number; readonly content: Content }
  /** It is frozen, and has sent its state to whoever claimed `to`. */
  | { readonly kind: 'giving'; readonly incarnation: number; readonly content: Content; readonly to: number }
  /** Somebody else has the session. */
  | { readonly kind: 'gone' };

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

/** All that the future of a session depends on. */
export interface Situation {
  readonly instances: readonly Instance[];
  readonly links: Links;
  readonly letters: readonly Letter[];
  /** Inputs that clients know to be taken, since the session last began. */
  readonly acknowledged: number;
  readonly wasKilled: boolean;
  readonly left: { readonly kills: number; readonly timeouts: number; readonly inputs: number };
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
