/** Mistakes that the model can make on purpose; each is a known counterexample. */
export interface Mistakes {
  /** Acknowledges on receipt and promises to survive a crash: nothing is excused when a worker dies. */
  readonly promisesCrashSafety?: boolean;
  /** The checkpoint leaves out what was received and not consumed. */
  readonly omitsUnread?: boolean;
  /** The checkpoint leaves out what was sent and not acknowledged. */
  readonly omitsUnacked?: boolean;
  /** Output leaves before the state it comes from is on disk (with `durable`). */
  readonly eagerOutput?: boolean;
  /** A resume repeats everything not acknowledged, and the worker takes it again. */
  readonly noDedupe?: boolean;
  /** Messages of any attachment are taken. */
  readonly noFence?: boolean;
  /** A sealed checkpoint stays valid when the drain is called off. */
  readonly checkpointSurvivesThaw?: boolean;
  /** Does not compare a checkpoint with what it describes (I10), so that its effect is found instead. */
  readonly ignoresOmission?: boolean;
  /** Takes the cursors of a Hello that moves as exact. */
  readonly exactCursors?: boolean;
  /** Tells a client lost what it has acknowledged over its other attachment. */
  readonly resetsAcknowledged?: boolean;
  /** A client stops when its own next attachment takes over. */
  readonly stopsForItself?: boolean;
  /** A Hello of an earlier attempt is let in. */
  readonly forgetsNonces?: boolean;
  /** Numbered frames go over the next attachment as soon as it is opened. */
  readonly sendsOverBoth?: boolean;
  /** The client goes on from any Welcome. */
  readonly trustsWelcome?: boolean;
  /** A Hello that is refused has ended the attachment that was there. */
  readonly fencesUnverified?: boolean;
  /** Looks at what a stale checkpoint has lost only where a client goes on from it. */
  readonly ignoresStaleness?: boolean;
}

/** How much may happen. The model tries every order of it. */
export interface ModelConfig {
  /** Inputs that the first client writes. */
  readonly inputs: number;
  /** Inputs that the second client writes; 0 for no second client. */
  readonly takeoverInputs?: number;
  readonly cuts?: number;
  /** Kills of the worker at any moment. */
  readonly kills?: number;
  readonly drains?: number;
  /** Drains called off, before or after the checkpoint. */
  readonly thaws?: number;
  /** Hellos with a wrong token. */
  readonly intruders?: number;
  /** Attachments that clients open beside the one that they have. */
  readonly moves?: number;
  /** Hellos that an agent delivers once more, at any later time. */
  readonly repeats?: number;
  /** Acknowledges only what is on disk, releases output only after it, and survives any crash. */
  readonly durable?: boolean;
  readonly mistakes?: Mistakes;
}

/** A rule that the model found broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** @throws Violation unless it holds */
export function must(holds: boolean, rule: string): void {
  if (!holds) throw new Violation(rule);
}
