import { sealReceipt } from '#common/grpc/seal-receipt.js';
import { msToDuration } from '#common/time/duration.js';
import type { Receipt } from '#proto/gate/v1/gate.js';
import { maxNamed, type DrainTally, type WorkerFacts } from './drain-status.js';
import type { DrainState } from './state.js';

/** The receipt of a drain that is complete. */
export function receiptOf(state: DrainState, tally: DrainTally, facts: WorkerFacts, nowMs: number): Receipt {
  return sealReceipt({
    restartUid: state.cordon?.fence.restartUid ?? '',
    instance: facts.instance,
    counts: tally.counts,
    forced: tally.forced.slice(0, maxNamed),
    took: msToDuration(nowMs - (state.plan?.startedMs ?? nowMs)),
    target: facts.target,
  });
}
