import { State } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { events } from '../api/events.js';
import { waitingReasonOf, waitingReasonText } from '../facts/containers.js';
import { createdMs, isNodeDown, isPodReady, uidOf } from '../facts/pods.js';
import { rolloutOf } from '../facts/revisions.js';
import { hasNoRoom, isWantedOn, schedulerText } from '../facts/surge.js';
import { giveBack } from './give-back.js';
import type { ActivePod } from '../api/panel-restart.js';
import type { RestartEvent } from '../api/restart-event.js';
import { failed, hostSessions, viewOf, withStep, wakeIn, type PodOutcome } from './pod-outcome.js';
import { replacementOf, verdictOn, type Verdict } from './replacement.js';
import { retire } from './retire.js';
import { hasTarget, reopenOwn, stageAction, stageLeftMs, type SurgeCase } from './surge-case.js';

/** What a restart has left for pods that go without a replacement beside them. */
export interface SpareRoom {
  /** Takes a place for one more; false when there is none now. */
  readonly take: () => boolean;
}

const pausedText = 'The restart is paused.';

/**
 * Next step of a pod that was taken out of its DaemonSet, until it is drained as any other pod: undefined from then on. Before that it
 * may be given back: `stop` says why the restart goes no further, if it does not.
 */
export function surgeStep(c: SurgeCase, stop: string | undefined, room: SpareRoom): PodOutcome | undefined {
  const { claim, snapshot } = c;
  const paused = snapshot.restart.spec.paused === true ? pausedText : undefined;
  if (claim.surge === undefined) return undefined;
  switch (claim.surge) {
    case 'warm':
      return stop === undefined && paused === undefined ? warm(c, room) : giveBack(c, stop ?? paused ?? '');
    case 'back':
      return giveBack(c, stop ?? paused ?? 'It is given back.');
    case 'alone':
      return stop === undefined ? undefined : giveBack(c, stop);
    case 'beside':
      // Sessions have begun to move: what was begun is finished, unless nothing is left to give it to.
      return stop !== undefined && !hasTarget(snapshot) ? giveBack(c, stop) : beside(c);
  }
}

/** Its replacement starts; it serves as before. */
function warm(c: SurgeCase, room: SpareRoom): PodOutcome {
  const { snapshot, settings, entry, pod } = c;
  const { now, target, nodes } = snapshot;
  const newer = replacementOf(snapshot, entry);
  const verdict = verdictOn({ snapshot, settings, entry, pod: undefined }, newer);
  const next = warmEntry(c, newer, verdict.missing?.message);
  if (verdict.missing === undefined) {
    const sessions = hostSessions(snapshot, pod) ?? 0;
    if (sessions > 0) return retire(c, { ...next, step: entry.step }, sessions);
    return { entry: next, actions: [stageAction(c, 'beside', settings.timeoutMs, events.claimed(pod, settings))] };
  }
  const node = nodes.get(entry.node ?? '');
  if (newer === undefined && target !== undefined && !isWantedOn(target, node)) return alone(c, events.notWanted(pod));
  const waits = waitText(c, newer);
  if (waits !== undefined) return notBeside(c, next, waits, room);
  const leftMs = Math.max(stageLeftMs(c), newcomerLeftMs(c, newer));
  // One that is ready has only to stay so.
  if (leftMs > 0 || verdict.wakeMs !== undefined) {
    return {
      entry: next,
      // It was drained when this pod was to be given back, and is still there.
      actions: newer === undefined ? [] : reopenOwn(snapshot, newer),
      ...wakeIn(leftMs, verdict.wakeMs, askAboutWaitInMs(c, newer)),
      ...askAbout(c, newer, verdict),
    };
  }
  if (isNodeDown(node)) return failed(now, next, 'NodeUnreachable', `Node ${entry.node ?? ''} is not ready.`);
  if (!hasNoRoom(newer)) return failed(now, next, 'ReplacementStuck', stuckText(c, verdict, newer));
  const noRoom = noRoomText(c, newer);
  if (settings.maxUnavailable === 0) return failed(now, next, 'NoRoom', `${noRoom} ${givenBackText}`);
  if (!room.take()) return { entry: { ...next, message: noRoom }, actions: [] };
  return alone(c, events.noRoom(pod, noRoom));
}

/** Most replacements are ready before, and cost no question whether they wait. */
const usualStartMs = 3_000;

/** When a pod's gate is asked whether its replacement waits for it, in milliseconds from now; 0 once it is, undefined where it need not be. */
function askAboutWaitInMs({ snapshot }: SurgeCase, newer: Pod | undefined): number | undefined {
  if (newer === undefined || isPodReady(newer)) return undefined;
  return Math.max(0, createdMs(newer) + usualStartMs - snapshot.now.getTime());
}

/** Whose gate is to be asked again: that of a replacement which is ready, and before that the older one's, which knows if it waits. */
function askAbout(c: SurgeCase, newer: Pod | undefined, verdict: Verdict): Pick<PodOutcome, 'ask'> {
  if (newer !== undefined && verdict.ask === true) return { ask: uidOf(newer) };
  return askAboutWaitInMs(c, newer) === 0 ? { ask: uidOf(c.pod) } : {};
}

/** Why a replacement cannot serve before the pod has gone, as the pod's agent tells; undefined while it tells of nothing. */
function waitText({ snapshot, pod, entry }: SurgeCase, newer: Pod | undefined): string | undefined {
  const view = newer === undefined || isPodReady(newer) ? undefined : viewOf(snapshot, pod);
  if (newer === undefined || view?.kind !== 'answered') return undefined;
  const word = view.status.waiting.find(({ podUid }) => podUid === uidOf(newer));
  return word && `Pod ${newer.metadata.name} waits until ${entry.pod} has gone. ${word.message}`.slice(0, 512);
}

/** No time helps a replacement that waits for the pod to go. */
function notBeside(c: SurgeCase, entry: ActivePod, why: string, room: SpareRoom): PodOutcome {
  const { snapshot, settings, pod } = c;
  if (settings.maxUnavailable === 0) return failed(snapshot.now, entry, 'CannotSurge', `${why} ${givenBackText}`);
  if (!room.take()) return { entry: { ...entry, message: why }, actions: [] };
  return alone(c, events.waitsForOld(pod, why));
}

/** A replacement that was made late, because there was no room before, has its time, too; one that has failed has none. */
function newcomerLeftMs({ snapshot, settings }: SurgeCase, newer: Pod | undefined): number {
  if (newer === undefined || newer.status?.phase === 'Failed' || hasNoRoom(newer)) return 0;
  return createdMs(newer) + settings.warmTimeoutMs - snapshot.now.getTime();
}

const givenBackText = 'The pod was given back to its DaemonSet, and nothing was drained.';

function warmEntry({ snapshot, entry }: SurgeCase, newer: Pod | undefined, message: string | undefined): ActivePod {
  return withStep(snapshot.now, entry, 'Warm', {
    ...(newer === undefined ? {} : { replacement: newer.metadata.name }),
    ...(message === undefined ? {} : { message: message.slice(0, 1024) }),
  });
}

function stuckText({ snapshot }: SurgeCase, verdict: Verdict, newer: Pod | undefined): string {
  const isSilent = newer !== undefined && waitingReasonOf(newer) === undefined;
  const hint = isSilent ? ` It runs and does not serve: see kubectl logs ${newer.metadata.name}.` : '';
  const why = `${verdict.missing?.message ?? ''}${hint}`;
  const undo = rolloutOf(snapshot.restart) === undefined ? '' : ' Put the template right or undo it (helm rollback).';
  return `${why} ${givenBackText}${undo}`;
}

function noRoomText({ entry, settings }: SurgeCase, newer: Pod | undefined): string {
  const seconds = Math.round(settings.warmTimeoutMs / 1000);
  const where = entry.node === undefined ? '' : ` on ${entry.node}`;
  if (newer === undefined) {
    return `No pod was made beside ${entry.pod}${where} within ${seconds} s; a quota may forbid it, see the events of the DaemonSet.`;
  }
  return `Pod ${newer.metadata.name} found no room beside ${entry.pod}${where} within ${seconds} s.${schedulerText(newer)}`;
}

/** No replacement comes while the pod is there: it is drained and deleted as any other. */
function alone(c: SurgeCase, event: RestartEvent): PodOutcome {
  const { snapshot, entry, settings } = c;
  const next = withStep(snapshot.now, entry, 'Warm', { message: event.text.slice(0, 1024) });
  return { entry: next, actions: [stageAction(c, 'alone', settings.timeoutMs, event)] };
}

/** Its sessions move; as long as there is somebody to move to, or nothing is left to move. */
function beside(c: SurgeCase): PodOutcome | undefined {
  const { snapshot, entry, pod } = c;
  const view = viewOf(snapshot, pod);
  const newer = replacementOf(snapshot, entry);
  const sessions = hostSessions(snapshot, pod) ?? 0;
  const isServed = newer !== undefined && isPodReady(newer);
  // One was opened while its last look said that it has none: it stays, and so does the pod.
  if (sessions > 0 && isServed && entry.receipt === undefined) return retire(c, entry, sessions);
  const isSettled = view?.kind === 'answered' && view.status.state >= State.CHECKPOINTED;
  if (isSettled || entry.receipt !== undefined || isServed) return undefined;
  const name = newer?.metadata.name;
  const what = name === undefined ? 'No pod' : `Pod ${name}, which is not ready,`;
  const message = `${what} takes the place of ${entry.pod} any more; it waits for one, and serves.`;
  const leftMs = stageLeftMs(c);
  if (leftMs <= 0) {
    const waits = newer === undefined ? '' : waitingReasonText(waitingReasonOf(newer));
    return failed(snapshot.now, entry, 'ReplacementNotReady', `${message}${waits}`);
  }
  return {
    entry: warmEntry(c, newer, message),
    actions: reopenOwn(snapshot, pod),
    wakeMs: leftMs,
  };
}
