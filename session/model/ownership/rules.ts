/** Rules that the model can leave out; without each of them it finds a way to two owners, or to a loss that nobody is told of. */
export interface OwnershipMistakes {
  /** A giver goes on, and a taker accepts, without a `.live` of its own. */
  readonly noDecision?: boolean;
  /** A taker accepts at once, without a look for a claim above its own. */
  readonly noLook?: boolean;
  /** A taker that finds a claim above its own drops the session, instead of offering it to that claimant. */
  readonly drops?: boolean;
  /** An instance gives to a claim below its own. */
  readonly givesDownwards?: boolean;
  /** What the instance of the highest `.live` had is taken for lost without asking whether it is alive. */
  readonly rollsBackTheLiving?: boolean;
  /** A checkpoint that is sealed is taken for lost, once its instance has gone. */
  readonly rollsBackTheSealed?: boolean;
  /** A checkpoint that somebody alive has consumed, and not decided yet, is taken for lost. */
  readonly rollsBackTheConsumed?: boolean;
  /** Whoever finds that a checkpoint was consumed by somebody else goes on from it. */
  readonly ignoresConsume?: boolean;
  /** Consumes whatever is sealed by now, and goes on from what it read before. */
  readonly consumesAnother?: boolean;
  /** A power cut takes claims with it, as well. */
  readonly claimsVanish?: boolean;
}

/** How much may happen to one session. The model tries every order of it. */
export interface OwnershipConfig {
  /** Instances that take, besides the one that has the session. */
  readonly takers: number;
  /** How often each of them may claim. */
  readonly attempts: number;
  /** Kills of any instance, at any moment. */
  readonly kills: number;
  /** Givers that lose patience. */
  readonly timeouts: number;
  /** Inputs that are acknowledged by whoever has the session. */
  readonly inputs: number;
  /** Drains that seal the session. @default 0 */
  readonly seals?: number;
  /** Drains that are called off once the session is sealed. @default 0 */
  readonly aborts?: number;
  /** Power cuts: every instance dies, links vanish that were not synced, and one instance starts. @default 0 */
  readonly powerCuts?: number;
  readonly mistakes?: OwnershipMistakes;
}
