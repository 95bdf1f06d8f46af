import { timestampToMs } from '#common/time/timestamp.js';
import { State, Target, type GateStatus } from '#proto/gate/v1/gate.js';
import type { DaemonSet, KubeNode, OwnerReference, Pod, PodDisruptionBudget } from '#kube/objects.js';
import { events, withoutWorkers } from '../api/events.js';
import type { RecordedReceipt } from '../api/panel-restart.js';
import { isMarkedRetiring, retireAtOf } from '../api/retirement.js';
import { allowedBy, isFreeOf } from '../facts/budgets.js';
import { podNameIn, sessionsIn } from '../facts/host-pods.js';
import { isNodeDown, isTerminating, uidOf } from '../facts/pods.js';
import { recordReceipt, validReceipt } from '../facts/receipts.js';
import { holdersOf } from '../facts/target-pods.js';
import { gateActions } from '../decide/gate-actions.js';
import { hasNoWorkers, nameIn } from '../decide/pod-outcome.js';
import type { Action, GateView } from '../decide/snapshot.js';

/** A pod that retires, and all that is known of it. */
export interface RetiringCase {
  readonly pod: Pod;
  readonly target: DaemonSet;
  /** The lease that is to own it; undefined while that is not known. */
  readonly lease: OwnerReference | undefined;
  readonly node: KubeNode | undefined;
  /** The pod whose gate answers for it; undefined when none does. */
  readonly gate: Pod | undefined;
  /** What its gate says, of this pod alone; undefined while it has not been asked. */
  readonly view: GateView | undefined;
  /** The budgets that have their say about it. */
  readonly budgets: readonly PodDisruptionBudget[];
  /** True while a restart is at work on its node that shares its gate. */
  readonly isBusy: boolean;
  readonly now: Date;
  readonly fencing: number;
  readonly fencingLimit: number;
}

/** What is done about a pod that retires. */
export interface RetiringStep {
  readonly actions: readonly Action[];
  /** True where what is left of its sessions is ended. */
  readonly isForced: boolean;
  /** When to look again although nothing changed, in milliseconds. */
  readonly wakeMs: number;
}

/** How long the last drain of a pod that retires may take, in milliseconds. */
export const lastDrainMs = 60_000;
/** How often its gate is asked how many sessions it still has. */
const lookMs = 30_000;
const lookSoonMs = 2_000;
/** Why a pod is deleted without a receipt whose containers have all ended. */
const ended = 'its containers have ended';

/**
 * Next step of a pod that retires. It goes once its last session has ended, or at its time, drained in its own name and after the receipt of
 * that, and whatever became of the restart that replaced it.
 */
export function retiringStep(c: RetiringCase): RetiringStep {
  const { pod, target } = c;
  const step = ownStep(c);
  const isIdle = step.actions.length === 0 && !isTerminating(pod);
  return isIdle && needsOwners(c) ? { ...step, actions: [{ kind: 'adopt', pod, target }] } : step;
}

function ownStep(c: RetiringCase): RetiringStep {
  const { pod, node, view } = c;
  if (isTerminating(pod) || isNodeDown(node)) return wait(lookMs);
  const { phase } = pod.status ?? {};
  if (phase === 'Failed' || phase === 'Succeeded') return remove(c, { withoutReceipt: ended });
  if (view?.kind === 'answered') return known(c, view.status, view.receipt);
  return hasNoWorkers(view, pod) ? remove(c, { withoutReceipt: withoutWorkers }) : wait(lookSoonMs);
}

function known(
  c: RetiringCase,
  status: GateStatus,
  given: Extract<GateView, { kind: 'answered' }>['receipt'],
): RetiringStep {
  const { pod, now, fencing, fencingLimit } = c;
  if (status.fencing > fencing) {
    const above = status.fencing;
    return above < fencingLimit ? act([{ kind: 'raiseFencing', above }]) : wait(lookMs);
  }
  const name = podNameIn(status, pod);
  // Anything that it was told would be for all hosts of the node.
  if (name.podUid === undefined) return wait(lookMs);
  const needs = { restartUid: uidOf(pod), settings: { gateTarget: Target.HOST } };
  const receipt = validReceipt(needs, status, given, name);
  if (receipt !== undefined) return remove(c, recordReceipt(receipt));
  const until = retireAtOf(pod);
  const untilMs = until.kind === 'at' ? until.ms : Infinity;
  const telling: readonly Action[] = knows(status, untilMs) ? [] : [{ kind: 'tellRetired', pod, untilMs }];
  const leftMs = untilMs - now.getTime();
  const isEmpty = isCertain(status) && sessionsIn(status, uidOf(pod)) === 0;
  const isOver = isEmpty || leftMs <= 0;
  if (!isOver) {
    const actions = [...telling, ...goOn(c, status)];
    return actions.length > 0 ? act(actions) : wait(Math.min(lookMs, leftMs));
  }
  // One drain at a time: an agent that goes takes the receipts of its host along.
  if (c.isBusy) return act(telling);
  // Also where its gate does not take in that it retires: nobody would ever end it, and it counts for those that may.
  return { actions: [...telling, ...gateActions(pod, status, lastDrainMs)], isForced: !isEmpty, wakeMs: lookSoonMs };
}

/** Calls its last drain off, which was begun when there was less time, and has ended nobody yet. */
function goOn({ pod, gate }: RetiringCase, status: GateStatus): readonly Action[] {
  const isUnderWay = status.state >= State.NOTIFIED && status.state <= State.CHECKPOINTED;
  if (gate === undefined || !isUnderWay || status.restartUid !== uidOf(pod)) return [];
  return [{ kind: 'reopen', gate, name: podNameIn(status, pod) }];
}

/** True unless there are workers of which nobody can say what they have. */
function isCertain({ state }: GateStatus): boolean {
  return state !== State.UNSPECIFIED && state !== State.UNRECOGNIZED;
}

/** True when a gate has said that a pod retires, and until when. Times are compared by the second. */
function knows(status: GateStatus, untilMs: number): boolean {
  const told = status.retireAt === undefined ? Infinity : timestampToMs(status.retireAt);
  return status.retiring && (told === untilMs || Math.abs(told - untilMs) < 1_000);
}

function remove({ pod, budgets, view }: RetiringCase, receipt: RecordedReceipt): RetiringStep {
  const refusing = budgets.find((budget) => !isFreeOf(budget, pod) && allowedBy(budget) <= 0);
  if (refusing !== undefined) return wait(lookSoonMs);
  return act([
    {
      kind: 'delete',
      pod,
      name: nameIn(view, pod),
      receipt,
      evict: budgets.length > 0,
      event: events.killing(pod, receipt),
    },
  ]);
}

/** Where Panelet was installed anew, what owned the pod is gone, and nothing would take it along; people may have changed its marks. */
function needsOwners({ pod, target, lease }: RetiringCase): boolean {
  if (lease !== undefined && (!isMarkedRetiring(pod) || holdersOf(pod).length > 0)) return true;
  const owners = new Set(pod.metadata.ownerReferences?.map(({ uid }) => uid));
  const isOwned = target.metadata.uid === undefined || owners.has(uidOf(target));
  return lease !== undefined && (!owners.has(lease.uid) || !isOwned);
}

function act(actions: readonly Action[]): RetiringStep {
  return { actions, isForced: false, wakeMs: lookSoonMs };
}

function wait(wakeMs: number): RetiringStep {
  return { actions: [], isForced: false, wakeMs };
}

/** True while a drain is under way whose end is heard. */
export function isDraining({ state }: GateStatus): boolean {
  return state > State.CORDONED;
}
