/** Times of an attachment loop, in milliseconds. */
export interface AttachTimes {
  /** For the first attachment, while agents answer "not now". @default 30000 */
  readonly openTimeoutMs?: number;
  /** For the first attachment, while no agent answers at all. @default 5000 */
  readonly connectTimeoutMs?: number;
  /** For one connection, until it is there. @default 3000 */
  readonly dialTimeoutMs?: number;
  /** For one attempt, until its welcome. An agent holds an attempt up to 10 s. @default 15000 */
  readonly attachTimeoutMs?: number;
  /** How long to try again after a loss. @default the time to live that the worker says */
  readonly reattachTimeoutMs?: number;
}
