import type { Clock, Timer } from '#common/time/clock.js';

/** What remembers that this worker retires. */
export interface RetirementMemory {
  /** What was remembered when the worker started; undefined when it does not retire. */
  readonly stored: { readonly retireAtMs?: number | undefined } | undefined;
  /** Remembers it, so that it outlives a power cut. @throws PaneletError OPERATION_REFUSED where it cannot; STATE_DIR_UNUSABLE */
  save(retireAtMs: number | undefined): Promise<void>;
}

/** What retiring needs. */
export interface OwnRetirementDeps {
  readonly clock: Clock;
  readonly memory: RetirementMemory;
  /** The time has come: what is left is to be ended now. Called again with each `look` after it. */
  readonly onDue: () => void;
}

/** The clock of the node may be set while a timer runs, which would not notice. */
const longestWaitMs = 30_000;

/** Whether a worker retires, and until when: by the clock of the node, as it is remembered over restarts. */
export class Retirement {
  readonly #deps: OwnRetirementDeps;
  #retired: { readonly retireAtMs?: number | undefined } | undefined;
  #timer: Timer | undefined;

  constructor(deps: OwnRetirementDeps) {
    this.#deps = deps;
    this.#retired = deps.memory.stored;
  }

  get isActive(): boolean {
    return this.#retired !== undefined;
  }

  /** Milliseconds since 1970 at which sessions end at the latest; undefined where they may stay. */
  get retireAtMs(): number | undefined {
    return this.#retired?.retireAtMs;
  }

  /** Milliseconds that are left; 0 when it is time; undefined where there is no limit. */
  get remainingMs(): number | undefined {
    const atMs = this.retireAtMs;
    return atMs === undefined ? undefined : Math.max(0, atMs - this.#deps.clock.date().getTime());
  }

  /** Retires from now on, or changes until when. @throws as {@link RetirementMemory.save} */
  async retire(retireAtMs: number | undefined): Promise<void> {
    await this.#deps.memory.save(retireAtMs);
    this.#retired = { retireAtMs };
  }

  /** Looks whether it is time. */
  look(): void {
    this.#timer?.stop();
    const leftMs = this.remainingMs;
    if (leftMs === undefined) return;
    if (leftMs === 0) this.#deps.onDue();
    else this.#timer = this.#deps.clock.after(Math.min(leftMs, longestWaitMs), () => this.look());
  }

  close(): void {
    this.#timer?.stop();
  }
}
