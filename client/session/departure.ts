import { isPaneletError } from '#common/errors/errors.js';
import type { SessionCore } from './session-core.js';

/** The two ways in which a client is done with its session: it leaves it, or ends it. Asking twice is asking once. */
export class Departure {
  readonly #core: SessionCore;
  readonly #endSession: (node: string) => Promise<void>;
  #leaving: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  /** @param endSession ends it at the agent of its node, `''` for one that is not known; of one that has ended it is nothing */
  constructor(core: SessionCore, endSession: (node: string) => Promise<void>) {
    this.#core = core;
    this.#endSession = endSession;
  }

  /** Leaves the session, which is kept. */
  detach(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** Ends the session for good. @throws what kept it from that; it may be asked again then */
  terminate(): Promise<void> {
    this.#ending ??= this.#end().catch((error: unknown) => {
      this.#ending = undefined;
      throw error;
    });
    return this.#ending;
  }

  async #leave(): Promise<void> {
    const core = this.#core;
    if (core.phase === 'closed') return;
    await core.loop.leave();
    core.finish({ kind: 'detached' });
    // It may have ended while it was left.
    if (core.end?.kind === 'detached') core.emitter.emit('detached', { message: 'left; the session is kept' });
  }

  async #end(): Promise<void> {
    const core = this.#core;
    const { end } = core;
    if (end?.kind === 'ended') return;
    // It is somebody else's work by now.
    if (end?.kind === 'failed' && isPaneletError(end.error, 'ATTACH_SUPERSEDED')) throw end.error;
    core.isEndAskedHere = true;
    try {
      await this.#endSession(core.home.node);
    } catch (error) {
      core.isEndAskedHere = false;
      throw error;
    }
    core.finish({ kind: 'ended', cause: 'asked', message: 'This client ended it.' });
    core.loop.stop();
  }
}
