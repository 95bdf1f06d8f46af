import { State } from '#proto/gate/v1/gate.js';

import { waitingReasonOf } from '../facts/containers.js';
import { hasUnnamedHosts } from '../facts/host-pods.js';
import { isNodeDown, timeMs, uidOf } from '../facts/pods.js';
import { failed, withStep, wakeIn, type PodOutcome } from './pod-outcome.js';
import { replacementOf, verdictOn, type KilledCase, type Verdict } from './replacement.js';
import { rolloutOf } from '../facts/revisions.js';
import { events } from '../api/events.js';
import type { Action } from './snapshot.js';

/**
 * A gate that is another pod's outlives the pod that was drained, and its cordon would refuse the next one's sessions.
 * It is opened as soon as the old pod is gone; before that, its sessions would go on in what is about to end.
 */
function reopenActions({ snapshot, entry, pod }: KilledCase): readonly Action[] {
  const gate = snapshot.gateProviders?.get(entry.node ?? '');
  const view = snapshot.gates.get(entry.uid);
  if (gate === undefined || pod !== undefined || view?.kind !== 'answered') return [];
  // What it remembers of one pod alone is nobody's any more, and keeps no other one from anything.
  if (!hasUnnamedHosts(view.status)) return [];
  const { state, restartUid, podUid } = view.status;
  const mine = restartUid === uidOf(snapshot.restart) && podUid === uidOf(gate);
  return mine && state !== State.SERVING ? [{ kind: 'reopen', gate }] : [];
}

function replacementFailed({ snapshot, entry }: KilledCase, verdict: Verdict): PodOutcome {
  const down = isNodeDown(snapshot.nodes.get(entry.node ?? ''));
  const reason = down ? 'NodeUnreachable' : (verdict.missing?.reason ?? 'ReplacementNotReady');
  const text = down ? `Node ${entry.node ?? ''} is not ready. ` : '';
  const undo = rolloutOf(snapshot.restart) === undefined ? '' : ' Put the template right or undo it (helm rollback).';
  const outcome = failed(snapshot.now, entry, reason, `${text}${verdict.missing?.message ?? ''}${down ? '' : undo}`);
  const lost = reason === 'SessionsNotRestored' ? (entry.receipt?.checkpointed ?? 0) - verdict.resumed : 0;
  return { ...outcome, done: { entry, resumed: verdict.resumed, lost } };
}

/** A replacement that was there before has its time from when the pod went, which is now where that is not on record; 0 for any other. */
function killedMs({ surge, step, since }: KilledCase['entry'], now: Date): number {
  if (surge === undefined) return 0;
  return step === 'Killed' || step === 'Replaced' ? (timeMs(since) ?? 0) : now.getTime();
}

/** A pod that went together with its node: nothing is to take its place, and nothing is wrong with what would. */
function goneWithNode({ snapshot, entry, pod }: KilledCase): PodOutcome | undefined {
  const { node, receipt, sessions = 0 } = entry;
  if (pod !== undefined || node === undefined || snapshot.nodes.get(node) !== undefined) return undefined;
  if (replacementOf(snapshot, entry) !== undefined) return undefined;
  const lost = receipt === undefined ? sessions : (receipt.checkpointed ?? 0);
  return { done: { entry, resumed: 0, lost }, events: [events.nodeGone(entry)] };
}

/** The pod is gone or going: verify what takes its place. `stop` says why the restart goes no further, if it does not. */
export function afterKill(c: KilledCase, stop: string | undefined): PodOutcome {
  const { snapshot, settings, entry, pod } = c;
  const gone = goneWithNode(c);
  if (gone !== undefined) return gone;
  const known = snapshot.restart.status?.active?.some(({ uid }) => uid === entry.uid) ?? false;
  const unasked = entry.receipt === undefined && entry.step !== 'Killed' && entry.step !== 'Replaced';
  const told = unasked ? [events.killedByOther(entry)] : [];
  const replacement = replacementOf(snapshot, entry);
  const verdict = verdictOn(c, replacement);
  const lostWithout = entry.receipt === undefined ? (entry.sessions ?? 0) : 0;
  const actions = reopenActions(c);
  // Of two pods of a node the older one has to be gone, too.
  const isStillThere = pod !== undefined && entry.surge !== undefined;
  if (verdict.missing === undefined && known && !unasked && actions.length === 0 && !isStillThere) {
    return {
      done: { entry, resumed: verdict.resumed, lost: lostWithout },
      events: replacement === undefined ? [] : [events.replaced(entry, replacement, verdict.resumed)],
    };
  }
  const since = timeMs(replacement?.metadata.creationTimestamp ?? pod?.metadata.deletionTimestamp ?? entry.since);
  const deadlineMs =
    Math.max(since ?? snapshot.now.getTime(), killedMs(entry, snapshot.now)) + settings.replacementTimeoutMs;
  const leftMs = deadlineMs - snapshot.now.getTime();
  // What does not run under the old request is the next one's to replace, at once.
  const hopeless = stop !== undefined && replacement !== undefined && waitingReasonOf(replacement) !== undefined;
  if ((leftMs <= 0 || hopeless) && verdict.missing !== undefined) return replacementFailed(c, verdict);
  const step = replacement === undefined || isStillThere ? 'Killed' : 'Replaced';
  const next = withStep(snapshot.now, entry, step, {
    ...(replacement === undefined ? {} : { replacement: replacement.metadata.name }),
    ...(verdict.missing === undefined ? {} : { message: verdict.missing.message.slice(0, 1024) }),
  });
  const ask = replacement === undefined && snapshot.gateProviders !== undefined ? entry.uid : undefined;
  return {
    entry: next,
    actions,
    events: told,
    ...wakeIn(leftMs, verdict.wakeMs),
    ...(ask === undefined ? {} : { ask }),
    ...(verdict.ask === true && replacement !== undefined ? { ask: uidOf(replacement) } : {}),
  };
}
