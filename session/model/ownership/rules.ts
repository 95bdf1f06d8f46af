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
  readonly mistakes?: OwnershipMistakes;
}
