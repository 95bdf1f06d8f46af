import type { GateStatus, Receipt } from '#proto/gate/v1/gate.js';

import type { DaemonSet, Pod } from '#kube/objects.js';
import { events } from '../api/events.js';
import type { ActivePod } from '../api/panel-restart.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import { podNameIn, type PodName } from '../facts/host-pods.js';
import { validReceipt } from '../facts/receipts.js';
import { gateActions, isSettledState, leaseLeftMs, renewBelowMs } from './gate-actions.js';
import { hostSessions, nameFor, silenceOf, viewOf, withStep, wakeIn, type PodOutcome } from './pod-outcome.js';
import { isOwnCordon, releaseAction } from './release.js';
import { retireActions } from './retire.js';
import { replacementOf } from './replacement.js';
import { mayServe, reopenOwn, stageAction, stageLeftMs, type SurgeCase } from './surge-case.js';
import type { Action } from './snapshot.js';

/**
 * Gives a pod back to its DaemonSet, which then removes the newer of the two. Where that one may have sessions it is drained first: they go
 * to the older one, or are sealed on the node, where the older one finds them.
 */
export function giveBack(c: SurgeCase, why: string): PodOutcome {
  const { snapshot, settings, entry, pod, claim } = c;
  const newer = replacementOf(snapshot, entry);
  const next = withStep(snapshot.now, entry, 'Returning', {
    message: why.slice(0, 1024),
    ...(newer === undefined ? {} : { replacement: newer.metadata.name }),
  });
  const { target } = snapshot;
  if (target === undefined || isTerminating(target)) {
    return { entry: next, actions: [releaseAction(snapshot, pod, why)] };
  }
  const back = { case: c, target, why };
  if (!mayServe(snapshot, newer)) return { entry: next, actions: [putBack(back)] };
  // What was opened there meanwhile cannot move: then the older one stays beside it.
  const opened = hostSessions(snapshot, newer) ?? 0;
  if (opened > 0) {
    const sessions = hostSessions(snapshot, pod) ?? 0;
    return { entry: withStep(snapshot.now, entry, 'Retiring', { sessions }), actions: retireActions(c, sessions) };
  }
  if (claim.surge !== 'back') return { entry: next, actions: [stageAction(c, 'back', settings.timeoutMs)] };
  // Whoever takes the sessions has to serve.
  const opening = reopenOwn(snapshot, pod);
  if (opening.length > 0) return { entry: next, actions: opening, ask: uidOf(pod) };
  const view = viewOf(snapshot, newer);
  return view?.kind === 'answered'
    ? drainNewer(back, next, { newer, status: view.status, given: view.receipt })
    : silentNewer(back, next, newer);
}

/** A pod that goes back, where to, and why. */
interface Back {
  readonly case: SurgeCase;
  readonly target: DaemonSet;
  readonly why: string;
}

/** What is known of the newer pod. */
interface NewerGate {
  readonly newer: Pod;
  readonly status: GateStatus;
  readonly given: Receipt | undefined;
}

function drainNewer(back: Back, entry: ActivePod, { newer, status, given }: NewerGate): PodOutcome {
  const { snapshot, settings } = back.case;
  const restartUid = uidOf(snapshot.restart);
  const ask = uidOf(newer);
  if (status.fencing > snapshot.fencing) {
    const above = status.fencing;
    return { entry, actions: above < snapshot.fencingLimit ? [{ kind: 'raiseFencing', above }] : [], ask };
  }
  const name = podNameIn(status, newer);
  const receipt = validReceipt({ restartUid, settings }, status, given, name);
  if (receipt !== undefined) return { entry, actions: [putBack(back, { newer, receipt, name })] };
  const leftMs = stageLeftMs(back.case);
  if (leftMs <= 0 && settings.onTimeout === 'Force') return { entry, actions: [putBack(back)] };
  if (status.restartUid !== '' && status.restartUid !== restartUid) {
    return { entry: { ...entry, message: events.foreignCordon(status) }, actions: [], ask };
  }
  // Nothing presses: it is tried again until it succeeds.
  const drainMs = leftMs > 0 ? leftMs : settings.timeoutMs;
  return {
    entry,
    actions: gateActions(newer, status, drainMs),
    ...wakeIn(leaseLeftMs(status) - renewBelowMs + 1),
    ...(isSettledState(status.state) ? {} : { ask }),
  };
}

/** A newer pod that is ready, and whose gate cannot be asked. */
function silentNewer(back: Back, entry: ActivePod, newer: Pod): PodOutcome {
  const { snapshot, settings } = back.case;
  const view = viewOf(snapshot, newer);
  const isLate = view !== undefined && stageLeftMs(back.case) <= 0;
  if (isLate && settings.onUnreachable === 'Force') return { entry, actions: [putBack(back)] };
  const message = `Waits for the gate of pod ${newer.metadata.name}, which may have sessions: ${silenceOf(view)}`;
  return { entry: { ...entry, message: message.slice(0, 1024) }, actions: [], ask: uidOf(newer) };
}

/** `drained` is the newer pod, with what its agent says of its drain; not set where it has nothing to lose. */
function putBack({ case: { snapshot, pod }, target, why }: Back, drained?: Drained): Action {
  return {
    kind: 'putBack',
    pod,
    target,
    ...(drained === undefined ? {} : { drained }),
    uncordon: isOwnCordon(snapshot, pod),
    name: nameFor(snapshot, pod),
    event: events.putBack(pod, why),
  };
}

interface Drained {
  readonly newer: Pod;
  readonly receipt: Receipt;
  readonly name: PodName;
}
