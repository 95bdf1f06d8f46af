import type { AuditedDelete, AuditedReceipt } from '#test/e2e/support/audit-log.js';
import { controllerName } from '#test/support/controller-writes.js';
import type { Violation } from './history.js';

/** A time in which the API server was killed, so that its audit log may lack what it had done. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Evidence about kills: from the audit log, and from a watch of the restarts. Times are of the wall clock, in milliseconds. */
export interface KillEvidence {
  readonly namespace: string;
  readonly deletes: readonly AuditedDelete[];
  readonly receipts: ReadonlyMap<string, AuditedReceipt>;
  /** When a watch first showed the receipt of a pod, by uid: later than it was written. */
  readonly watched: ReadonlyMap<string, number>;
  readonly outages: readonly Outage[];
}

/** What is to be said about kills. */
export interface KillVerdict {
  readonly kills: number;
  /** Kills whose receipt was lost to the audit log with the API server that had just taken it, and was seen later. */
  readonly unproven: readonly string[];
  /** Pods that somebody else has deleted. */
  readonly byOthers: number;
  readonly violations: readonly Violation[];
}

const ofPanelet = /^panelet-(agent|host)-/;
// A receipt is written at most this long before the pod is deleted, unless the API server is away.
const nearMs = 30_000;

function isNearOutage({ outages }: KillEvidence, atMs: number): boolean {
  return outages.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + nearMs);
}

type Proof = 'proven' | 'unproven' | { readonly missing: string };

function proofOf({ uid = '', atMs }: AuditedDelete, evidence: KillEvidence): Proof {
  const receipt = evidence.receipts.get(uid);
  const recordedMs = Math.min(receipt?.atMs ?? Infinity, evidence.watched.get(uid) ?? Infinity);
  if (receipt?.withoutReceipt !== undefined) return { missing: `recorded as ${receipt.withoutReceipt}` };
  if (recordedMs <= atMs) return 'proven';
  if (recordedMs === Infinity) return { missing: 'no receipt was ever recorded' };
  if (isNearOutage(evidence, atMs)) return 'unproven';
  return { missing: `the receipt was recorded ${Math.round(recordedMs - atMs)} ms later` };
}

/** Judges every accepted deletion of a pod of agents and hosts. */
export function judgeKills(evidence: KillEvidence): KillVerdict {
  const controller = `system:serviceaccount:${evidence.namespace}:${controllerName}`;
  // A kubelet takes the object away when the pod has ended.
  const all = evidence.deletes.filter(({ pod, user }) => ofPanelet.test(pod) && !user.startsWith('system:node:'));
  const kills = all.filter(({ user }) => user === controller);
  const violations: Violation[] = [];
  const unproven: string[] = [];
  const seen = new Set<string>();
  for (const kill of kills) {
    const { pod, uid } = kill;
    if (uid === undefined) {
      violations.push({ what: 'a kill names the pod it means', evidence: `${pod} was deleted without a uid` });
      continue;
    }
    if (seen.has(uid)) violations.push({ what: 'a pod is killed once', evidence: `${pod} ${uid} was deleted again` });
    seen.add(uid);
    const proof = proofOf(kill, evidence);
    if (proof === 'unproven') unproven.push(`${pod} ${uid}`);
    else if (proof !== 'proven') {
      violations.push({ what: 'nothing is killed undrained', evidence: `${pod} ${uid}: ${proof.missing}` });
    }
  }
  return { kills: kills.length, unproven, byOthers: all.length - kills.length, violations };
}
