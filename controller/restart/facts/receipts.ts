import { durationToMs } from '#common/time/duration.js';
import { State, type GateStatus, type Receipt, type Target } from '#proto/gate/v1/gate.js';

import type { PodName } from './host-pods.js';
import type { RecordedReceipt } from '../api/panel-restart.js';

/** A receipt as it is written down in the status before the pod is deleted. */
export function recordReceipt(receipt: Receipt): RecordedReceipt {
  const { counts } = receipt;
  return {
    instance: receipt.instance,
    digest: receipt.digest,
    kept: counts?.kept ?? 0,
    finished: counts?.finished ?? 0,
    checkpointed: counts?.checkpointed ?? 0,
    moved: counts?.moved ?? 0,
    forced: counts?.forced ?? 0,
    tookMilliseconds: Math.round(durationToMs(receipt.took, 0)),
  };
}

/**
 * How many of the sessions that were checkpointed a replacement has; those that ended since are not missing. Sessions that moved are none of
 * them: their taker has said that it has them before they were counted.
 */
export function resumedOf(
  status: GateStatus,
  checkpointed: number,
): { expected: number; resumed: number; missing: number } {
  const restored = status.counts?.restored ?? 0;
  const ended = status.counts?.finished ?? 0;
  return {
    expected: checkpointed,
    resumed: Math.min(checkpointed, restored),
    missing: Math.max(0, checkpointed - restored - ended),
  };
}

/** For whom a receipt has to be. */
export interface ReceiptNeeds {
  readonly restartUid: string;
  readonly settings: { readonly gateTarget: Target };
}

/** The receipt of a gate if it counts: for this restart, this instance of the agent, this target, and the pod that was named. */
export function validReceipt(
  { restartUid, settings }: ReceiptNeeds,
  status: GateStatus,
  receipt: Receipt | undefined,
  { podUid }: PodName = {},
): Receipt | undefined {
  if (receipt?.restartUid !== restartUid) return undefined;
  if (receipt.instance === '' || receipt.instance !== status.instance) return undefined;
  if (receipt.target !== settings.gateTarget || (receipt.podUid ?? '') !== (podUid ?? '')) return undefined;
  return status.state === State.CLOSED || status.state === State.FORCED ? receipt : undefined;
}
