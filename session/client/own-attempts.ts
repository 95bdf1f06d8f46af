/** Attempts whose nonces are remembered: more than an agent that holds a Hello back can be behind. */
const remembered = 32;

/** The attempts of one client to attach to one session, by their nonces: which of them may have taken over from another. */
export class OwnAttempts {
  /** Whether an answer has come, oldest first. */
  readonly #answered = new Map<string, boolean>();

  /** A Hello of this nonce is on its way. */
  begin(nonce: string): void {
    this.#answered.delete(nonce);
    this.#answered.set(nonce, false);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > remembered && oldest !== undefined) this.#answered.delete(oldest);
  }

  /** It was let in, or refused. */
  answer(nonce: string): void {
    if (this.#answered.has(nonce)) this.#answered.set(nonce, true);
  }

  /**
   * True when an attachment was superseded by another one of this client. A worker of the first release does not say by
   * which: then an attempt that nobody has answered is taken for it, once.
   * @param by what the worker has said, or nothing
   * @param superseded nonce of the attachment that it was said to
   */
  isOwn(by: string, superseded: string): boolean {
    if (by !== '') return this.#answered.has(by);
    const suspects = [...this.#answered].filter(([nonce, isAnswered]) => !isAnswered && nonce !== superseded);
    for (const [nonce] of suspects) this.answer(nonce);
    return suspects.length > 0;
  }
}
