/** How long a worker that was started may take, in milliseconds. */
export interface StartTimes {
  /** Until it answers; one that does not is ended, and counts as failed. */
  readonly answerMs: number;
  /** Until it serves, where it is to replace another one. */
  readonly serveMs: number;
}

/** Those of an agent. One that does not answer is told as that, since its time is over first. */
export const defaultStartTimes: StartTimes = { answerMs: 15_000, serveMs: 20_000 };
