/** Why frames are lost. */
export interface LossReason {
  /** Upper-case, for example "WORKER_CRASHED". */
  readonly code: string;
  /** For a person. */
  readonly message: string;
}

/** The reason of a loss when nobody gave another. */
export const crashReason: LossReason = {
  code: 'WORKER_CRASHED',
  message: 'The worker ended without a checkpoint. The session starts anew; what is sent and not done is lost.',
};
