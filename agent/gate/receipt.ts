import { sealReceipt } from '#common/grpc/seal-receipt.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import type { Receipt, Target } from '#proto/gate/v1/gate.js';
import { sumCounts } from './aggregate.js';

/** What an agent's receipt is made of. */
export interface ReceiptParts {
  readonly restartUid: string;
  readonly instance: string;
  readonly target: Target;
  /** Receipts of the workers, in any order. */
  readonly workers: readonly Receipt[];
  /** Sessions of workers that are not of the target. */
  readonly kept: number;
  /** Pod whose workers alone these are; undefined where all of the target are. */
  readonly podUid?: string | undefined;
}

const maxForced = 50;

/** The agent's receipt: counts added up, the longest time, and a digest that is the same for the same content. */
export function sumReceipts(parts: ReceiptParts): Receipt {
  const counts = sumCounts(parts.workers.map((receipt) => receipt.counts));
  const forced = parts.workers
    .flatMap((receipt) => receipt.forced)
    .sort((a, b) => (a.sessionId < b.sessionId ? -1 : 1))
    .slice(0, maxForced);
  const tookMs = Math.max(0, ...parts.workers.map((receipt) => durationToMs(receipt.took, 0)));
  return sealReceipt({
    restartUid: parts.restartUid,
    instance: parts.instance,
    counts: { ...counts, kept: counts.kept + parts.kept },
    forced,
    took: msToDuration(tookMs),
    target: parts.target,
    ...(parts.podUid === undefined ? {} : { podUid: parts.podUid }),
  });
}
