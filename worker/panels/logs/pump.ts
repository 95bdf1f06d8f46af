import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { PanelContext } from '../../panel/panel.js';
import { panelEvent } from '../../panel/panel-event.js';
import type { LogTrail } from './log-trail.js';

/** Runs the steps of a trail, one at a time, as long as there is something to do and the output takes it. */
export interface Pump {
  /** Something may have happened. */
  wake(): void;
  /** Stops; resolves when nothing is under way. */
  hold(): Promise<void>;
  release(): void;
  /** Does nothing any more. */
  end(): void;
  onIdle(callback: () => void): void;
  readonly ended: boolean;
}

/** A pump that stands still until it is woken. The output ends at the end of the trail, unless it is followed. */
export function createPump(context: PanelContext, trail: LogTrail, follow: boolean): Pump {
  return new TrailPump(context, trail, follow);
}

class TrailPump implements Pump {
  readonly #context: PanelContext;
  readonly #trail: LogTrail;
  readonly #follow: boolean;
  #running: Promise<void> | undefined;
  #isWoken = false;
  #isHeld = false;
  #isEnded = false;
  #idle = (): void => undefined;

  constructor(context: PanelContext, trail: LogTrail, follow: boolean) {
    this.#context = context;
    this.#trail = trail;
    this.#follow = follow;
  }

  get ended(): boolean {
    return this.#isEnded;
  }

  wake(): void {
    this.#isWoken = true;
    if (this.#isHeld || this.#isEnded || this.#running) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running = undefined;
        // Somebody may have called between the last look and now.
        if (this.#isWoken && this.#isReady()) this.wake();
      });
  }

  async hold(): Promise<void> {
    this.#isHeld = true;
    await this.#running;
  }

  release(): void {
    this.#isHeld = false;
    this.wake();
  }

  end(): void {
    this.#isEnded = true;
  }

  onIdle(callback: () => void): void {
    this.#idle = callback;
  }

  async #run(): Promise<void> {
    while (this.#isReady()) {
      this.#isWoken = false;
      const outcome = await this.#step();
      if (outcome === 'refused') return;
      if (outcome === 'again') continue;
      if (!this.#follow) this.#finish();
      this.#idle();
      if (!this.#wasWoken()) return;
    }
  }

  async #step(): Promise<'again' | 'idle' | 'refused'> {
    const permit = this.#context.gate.enter('log.read');
    if (!permit) return 'refused';
    try {
      return await this.#trail.step();
    } finally {
      permit.release();
    }
  }

  #isReady(): boolean {
    return !this.#isHeld && !this.#isEnded && this.#context.output.canWrite();
  }

  #wasWoken(): boolean {
    return this.#isWoken;
  }

  #finish(): void {
    this.#isEnded = true;
    this.#context.output.end();
  }

  #fail(error: unknown): void {
    // No room for another event: once the client has caught up.
    if (isPaneletError(error, 'LIMIT_EXCEEDED')) return;
    this.#context.log.error({ err: error }, 'Cannot read the log any more');
    try {
      this.#context.output.writeEvent(panelEvent('failed', { reason: PaneletError.from(error).message }));
    } finally {
      this.#finish();
    }
  }
}
