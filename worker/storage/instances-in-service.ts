import type { InstanceName, Instances } from '#common/files/instances.js';
import type { Log } from '#common/log.js';
import type { RetiredPods } from './retired-pods.js';

/**
 * The instances of a panel's workers, of which those that retire are never the newest, whatever their numbers: one whose container has started again
 * has come last, and gets nothing new all the same.
 */
export class InstancesInService implements Instances {
  readonly #all: Instances;
  readonly #retiredPods: RetiredPods;
  readonly #log: Log;
  #retired: ReadonlySet<number> = new Set();
  #inService: readonly number[] = [];

  constructor(all: Instances, retiredPods: RetiredPods, log: Log) {
    this.#all = all;
    this.#retiredPods = retiredPods;
    this.#log = log;
    all.onArrival(() => this.#lookSoon());
    all.onDeath(() => this.#lookSoon());
  }

  get own(): InstanceName {
    return this.#all.own;
  }

  get hasNewer(): boolean {
    if (this.#retired.size === 0) return this.#all.hasNewer;
    return this.#inService.some((number) => this.#isBehind(number));
  }

  isAlive(number: number): Promise<boolean> {
    return this.#all.isAlive(number);
  }

  others(): Promise<readonly number[]> {
    return this.#all.others();
  }

  async newest(): Promise<number> {
    await this.look();
    const { number } = this.own;
    const newer = this.#inService.filter((other) => this.#isBehind(other));
    return newer.length === 0 ? number : Math.max(...newer);
  }

  /** Looks who retires. @throws what the system says */
  async look(): Promise<void> {
    const [retired, others] = await Promise.all([this.#retiredPods.instances(), this.#all.others()]);
    this.#retired = retired;
    this.#inService = others.filter((number) => !retired.has(number));
  }

  socketOf(number: number): string {
    return this.#all.socketOf(number);
  }

  onDeath(listener: () => void): () => void {
    return this.#all.onDeath(listener);
  }

  onArrival(listener: () => void): () => void {
    return this.#all.onArrival(listener);
  }

  release(): Promise<void> {
    return this.#all.release();
  }

  /** Whether one that is in service comes before this one. */
  #isBehind(number: number): boolean {
    return this.#retired.has(this.own.number) || number > this.own.number;
  }

  #lookSoon(): void {
    this.look().catch((err: unknown) => this.#log.warn({ err }, 'It is not known which workers retire'));
  }
}
