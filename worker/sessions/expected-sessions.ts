import { createLatch, type Latch } from '#common/time/latch.js';

interface Expectation {
  readonly over: Latch<void>;
  readonly onWaiting: () => void;
}

/**
 * Sessions that another instance is about to give. Clients that come for them wait until it is clear where they go on, instead of being sent
 * away. Nothing of them is touched before: whoever waits has not been verified.
 */
export class ExpectedSessions {
  readonly #expected = new Map<string, Expectation>();

  /**
   * Clients of the session may come and wait from now on.
   * @param onWaiting called for each one that waits
   * @returns lets them go on: the session is here, or does not come. Twice is fine
   */
  expect(sessionId: string, onWaiting: () => void): () => void {
    this.settle(sessionId);
    const expectation: Expectation = { over: createLatch(), onWaiting };
    this.#expected.set(sessionId, expectation);
    return () => {
      if (this.#expected.get(sessionId) === expectation) this.settle(sessionId);
    };
  }

  has(sessionId: string): boolean {
    return this.#expected.has(sessionId);
  }

  /** It is clear where the session goes on: whoever waits looks for it. */
  settle(sessionId: string): void {
    this.#expected.get(sessionId)?.over.resolve();
    this.#expected.delete(sessionId);
  }

  /** Resolves once it is clear where a session goes on, or the client has left; at once where it is clear. */
  async wait(sessionId: string, left: Promise<unknown>): Promise<void> {
    const expectation = this.#expected.get(sessionId);
    if (expectation === undefined) return;
    expectation.onWaiting();
    await Promise.race([expectation.over.promise, left]);
  }
}
