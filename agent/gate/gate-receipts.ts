import { asError, PaneletError } from '#common/errors/errors.js';
import type { Clock } from '#common/time/clock.js';
import { Target, type Receipt } from '#proto/gate/v1/gate.js';
import { sumCounts } from './aggregate.js';
import type { Cordons } from './cordons.js';
import type { NodeGateView } from './gate-view.js';
import { settleWorkers, type NodeWorkers } from './node-workers.js';
import { sumReceipts } from './receipt.js';
import { readReceipt, settleMs } from './worker-calls.js';

/** What the receipts are made from. */
export interface GateReceiptsDeps {
  readonly clock: Clock;
  readonly view: NodeGateView;
  readonly nodeWorkers: NodeWorkers;
  readonly cordons: Cordons;
  /** Pod whose hosts alone they are about, where it is one. */
  readonly podUid?: string;
  /** Which agent signs for them. */
  readonly instance: string;
}

/** Receipts that are remembered, over all restarts. */
const maxGiven = 64;

/** The receipts of the node's gate: of each restart and target one, the sum over the workers' own. */
export class GateReceipts {
  readonly #deps: GateReceiptsDeps;
  readonly #given = new Map<string, Receipt>();

  constructor(deps: GateReceiptsDeps) {
    this.#deps = deps;
  }

  /** Sums up the receipts of a target's workers. The same receipts give the same receipt again. */
  give(restartUid: string, target: Target, workers: readonly Receipt[]): Receipt {
    const { view, instance, podUid } = this.#deps;
    const key = `${target}/${restartUid}`;
    const make = (kept: number): Receipt => sumReceipts({ restartUid, instance, target, workers, kept, podUid });
    // What others kept is as of the moment of the drain: it changes while the receipt is read again.
    const before = this.#given.get(key);
    if (before !== undefined) {
      const same = make((before.counts?.kept ?? 0) - keptOf(workers));
      if (same.digest === before.digest) return before;
    }
    const receipt = make(view.kept(target));
    this.#given.delete(key);
    this.#given.set(key, receipt);
    if (this.#given.size > maxGiven) this.#given.delete([...this.#given.keys()][0] ?? '');
    return receipt;
  }

  /**
   * Reads the receipt of a restart from the workers of whichever target it has drained.
   * @throws RECEIPT_MISSING when it has drained neither; WORKER_UNAVAILABLE or a worker's ServiceError when that cannot be told.
   */
  async read(restartUid: string): Promise<Receipt> {
    const { view } = this.#deps;
    // At the same time, and first the target that this restart has cordoned: the other one may not answer.
    const asked = [Target.AGENT, Target.HOST]
      .sort((a, b) => Number(view.holder(b) === restartUid) - Number(view.holder(a) === restartUid))
      .map((target) => ({ target, workers: this.#ofWorkers(restartUid, target) }));
    for (const { workers } of asked) workers.catch(() => undefined);
    let silent: Error | undefined;
    for (const { target, workers } of asked) {
      const receipts = await workers.catch((error: unknown) => void (silent ??= asError(error)));
      if (receipts !== undefined) return this.give(restartUid, target, receipts);
    }
    if (silent !== undefined) throw silent;
    throw new PaneletError(
      'RECEIPT_MISSING',
      `There is no receipt for the restart "${restartUid}": not drained, or serving again.`,
    );
  }

  /** Undefined when the target's workers are not all drained by that restart. */
  async #ofWorkers(restartUid: string, target: Target): Promise<readonly Receipt[] | undefined> {
    const { clock, cordons, nodeWorkers } = this.#deps;
    const cordon = cordons.get(target);
    const live = await settleWorkers(nodeWorkers, target, { clock, limitMs: settleMs });
    if (live.length === 0) return cordon?.restartUid === restartUid && cordon.draining ? [] : undefined;
    const receipts = await Promise.all(live.map((worker) => readReceipt(worker, restartUid, clock)));
    const found = receipts.filter((receipt) => receipt !== undefined);
    return found.length === receipts.length ? found : undefined;
  }
}

function keptOf(workers: readonly Receipt[]): number {
  return sumCounts(workers.map((receipt) => receipt.counts)).kept;
}
