import { signal } from '@preact/signals';
import type { PlanAnswer } from '../../../wire/requests.js';
import type { BoardRequests } from '../../link/board-requests.js';

/** A restart that is being thought about: what to restart, why, what it would do. */
export class PlanState {
  readonly target = signal('');
  readonly reason = signal('');
  /** What it would do, and of which target that was asked. */
  readonly plan = signal<{ readonly target: string; readonly answer: PlanAnswer } | null>(null);
  readonly isBusy = signal(false);
  /** Why the server did not do it; empty where it did. */
  readonly refusal = signal('');
  readonly #requests: BoardRequests;

  constructor(requests: BoardRequests, target: string) {
    this.#requests = requests;
    this.target.value = target;
  }

  /** The plan of what is chosen now; null where there is none yet. */
  get answer(): PlanAnswer | null {
    const plan = this.plan.value;
    return plan?.target === this.target.value ? plan.answer : null;
  }

  /** Asks what it would do; true when there is an answer. */
  make(): Promise<boolean> {
    return this.#doing(async () => {
      const asked = this.#request();
      this.plan.value = { target: asked.target, answer: await this.#requests.plan(asked) };
    });
  }

  /** Starts it, once there is a plan; true when that was done. */
  start(): Promise<boolean> {
    return this.#doing(async () => {
      if (this.answer !== null) await this.#requests.restart(this.#request());
    });
  }

  #request(): { readonly target: string; readonly reason: string } {
    return { target: this.target.value, reason: this.reason.value.trim() };
  }

  async #doing(what: () => Promise<void>): Promise<boolean> {
    if (this.isBusy.value) return false;
    this.isBusy.value = true;
    this.refusal.value = '';
    try {
      await what();
      return true;
    } catch (error) {
      this.refusal.value = error instanceof Error ? error.message : String(error);
      return false;
    } finally {
      this.isBusy.value = false;
    }
  }
}
