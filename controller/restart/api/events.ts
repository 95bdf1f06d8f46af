import { countText } from '#common/count-text.js';
import { maxFencing } from '#common/fencing-number.js';
import { durationToMs } from '#common/time/duration.js';
import { State, type GateStatus, type Holder, type Receipt } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import type { Settings } from './settings.js';
import type { ActivePod, FailedPod, RecordedReceipt } from './panel-restart.js';
import type { RestartEvent } from './restart-event.js';

/** Why a pod is deleted without a receipt although nobody forced it. */
export const neverRan = 'no container of the pod has ever run';

/** The same of a pod that is not ready, and of which no worker is on its node. */
export const withoutWorkers = 'none of its workers is on its node';

/** Name of a gate's state; UNKNOWN for what this controller does not know. */
export function gateStateName(state: State): string {
  const name = (State as Record<number, string | undefined>)[state];
  return name === undefined || state === State.UNSPECIFIED || state === State.UNRECOGNIZED ? 'UNKNOWN' : name;
}

function holderText(holder: Holder): string {
  const seconds = (durationToMs(holder.held, 0) / 1000).toFixed(1);
  const bytes = holder.bytes > 0 ? `, ${holder.bytes} bytes to go` : '';
  return `${holder.panel}/${holder.sessionId}: ${holder.operation} for ${seconds} s${bytes}`.slice(0, 256);
}

/** The operations that still hold, at most ten. */
export function holderTexts(status: GateStatus): string[] {
  return status.holders.slice(0, 10).map(holderText);
}

function where(pod: Pod): string {
  const node = pod.spec?.nodeName;
  return node === undefined ? `pod ${pod.metadata.name}` : `pod ${pod.metadata.name} on ${node}`;
}

function countsText(receipt: RecordedReceipt): string {
  const parts = [
    `${receipt.kept ?? 0} kept`,
    ...((receipt.moved ?? 0) > 0 ? [`${receipt.moved ?? 0} moved`] : []),
    `${receipt.checkpointed ?? 0} checkpointed`,
    `${receipt.finished ?? 0} finished`,
    `${receipt.forced ?? 0} forced`,
  ];
  return parts.join(', ');
}

function forcedText(receipt: Receipt): string {
  const named = receipt.forced.slice(0, 3).map(({ panel, sessionId, reason }) => `${panel}/${sessionId}: ${reason}`);
  return named.length === 0 ? '' : ` Forced: ${named.join('; ')}${receipt.forced.length > 3 ? '; …' : ''}.`;
}

/** A drain at its deadline. */
export interface LateDrain {
  /** True when another restart has the gate. */
  readonly foreign: boolean;
  /** Sessions that are not safe. */
  readonly unsafe: number;
  /** What held when the gate was last heard draining. */
  readonly before: readonly string[];
}

/** The sentences that tell a restart, pod by pod. */
export const events = {
  claimed: (pod: Pod, settings: Settings): RestartEvent => ({
    type: 'Normal',
    reason: 'Draining',
    action: 'Drain',
    text: `Draining ${where(pod)}: it takes no new session and has ${Math.round(settings.timeoutMs / 1000)} s to bring its sessions to safety.`,
  }),
  warming: (pod: Pod, settings: Settings): RestartEvent => ({
    type: 'Normal',
    reason: 'Warming',
    action: 'Warm',
    text: `Has a replacement of ${where(pod)} made beside it, which has ${Math.round(settings.warmTimeoutMs / 1000)} s to serve; nothing is drained before.`,
  }),
  notWanted: (pod: Pod): RestartEvent => ({
    type: 'Normal',
    reason: 'NotReplaced',
    action: 'Warm',
    text: `No replacement comes beside ${where(pod)}: its DaemonSet wants none on that node. It is drained and deleted.`,
  }),
  noRoom: (pod: Pod, why: string): RestartEvent => ({
    type: 'Warning',
    reason: 'NoRoom',
    action: 'Warm',
    text: `Drains ${where(pod)} before its replacement is there. ${why}`,
  }),
  waitsForOld: (pod: Pod, why: string): RestartEvent => ({
    type: 'Normal',
    reason: 'NotBeside',
    action: 'Warm',
    text: `Drains ${where(pod)} before its replacement serves. ${why}`,
  }),
  putBack: (pod: Pod, why: string): RestartEvent => ({
    type: 'Normal',
    reason: 'PutBack',
    action: 'PutBack',
    text: `Gave ${where(pod)} back to its DaemonSet: ${why}`,
  }),
  drained: (pod: Pod, receipt: RecordedReceipt, given: Receipt): RestartEvent => ({
    type: (receipt.forced ?? 0) > 0 ? 'Warning' : 'Normal',
    reason: 'Drained',
    action: 'Drain',
    text: `Drained ${where(pod)} in ${((receipt.tookMilliseconds ?? 0) / 1000).toFixed(1)} s: ${countsText(receipt)}.${forcedText(given)}`,
  }),
  killing: (pod: Pod, receipt: RecordedReceipt): RestartEvent => {
    if (receipt.withoutReceipt === neverRan || receipt.withoutReceipt === withoutWorkers) {
      const text = `Deleted ${where(pod)}: ${receipt.withoutReceipt}.`;
      return { type: 'Normal', reason: 'Killed', action: 'Kill', text };
    }
    if (receipt.withoutReceipt !== undefined) {
      const text = `Deleted ${where(pod)} without a receipt, as the policy Force says: ${receipt.withoutReceipt}`;
      return { type: 'Warning', reason: 'KilledWithoutReceipt', action: 'Kill', text };
    }
    const forced = receipt.forced ?? 0;
    const text =
      forced === 0
        ? `Deleted ${where(pod)}, whose sessions are safe.`
        : `Deleted ${where(pod)}: ${countText(forced, 'session')} ended by force, the others are safe.`;
    return { type: forced === 0 ? 'Normal' : 'Warning', reason: 'Killed', action: 'Kill', text };
  },
  killedByOther: (entry: ActivePod): RestartEvent => ({
    type: 'Warning',
    reason: 'KilledByOther',
    action: 'Verify',
    text: `Pod ${entry.pod} was deleted by somebody else before its drain was over.`,
  }),
  nodeGone: (entry: ActivePod): RestartEvent => ({
    type: 'Warning',
    reason: 'NodeGone',
    action: 'Verify',
    text: `Node ${entry.node ?? ''} is gone, and pod ${entry.pod} with it; nothing takes its place.`,
  }),
  forcing: (pod: Pod, message: string): RestartEvent => ({
    type: 'Warning',
    reason: 'DeadlinePassed',
    action: 'Force',
    text: `The deadline of ${where(pod)} has passed and the policy is Force. ${message}`,
  }),
  raisingFencing: (pod: Pod, above: number): RestartEvent => ({
    type: 'Warning',
    reason: 'FencingRaised',
    action: 'Lead',
    text: `The agent of ${where(pod)} knows a leader of number ${above}, later than this one: the number of this one is raised above it.`,
  }),
  implausibleFencing: (pod: Pod, known: number, own: number): string =>
    `The agent of ${where(pod)} takes commands only from leader ${known} on, and this one is ${own}.${
      known < maxFencing
        ? ` If that number was not made up, annotate the Lease of the controller with panelet.dev/fencing-floor=${known + 1}.`
        : ''
    } Where it was made up: delete fencing.json in the agent's state directory, then the agent's pod.`,
  lifeless: (pod: Pod, why: string): RestartEvent => ({
    type: 'Normal',
    reason: why === neverRan ? 'NeverRan' : 'WithoutWorkers',
    action: 'Drain',
    text: `There is nothing to drain in ${where(pod)}: ${why}.`,
  }),
  retired: (pod: Pod, until: string, sessions: number): RestartEvent => ({
    type: 'Normal',
    reason: 'Retiring',
    action: 'Retire',
    text: `Replaced ${where(pod)}, which takes no new session and stays for ${countText(sessions, 'session')}, ${until}.`,
  }),
  budgetRefuses: (budget: string): string =>
    `PodDisruptionBudget ${budget} allows no disruption now; the pod is drained and goes as soon as it does.`,
  budgetWaits: (budget: string): string =>
    `Waits until PodDisruptionBudget ${budget} allows a disruption; nothing is cordoned meanwhile.`,
  cannotSurge: (pod: Pod, why: string): string =>
    `Pod ${pod.metadata.name} cannot have its replacement beside it: ${why}. Let maxUnavailable be at least 1, so that it may go first.`,
  tooManyRetiring: (pod: Pod, there: string): string =>
    `Waits with ${where(pod)}: as many replaced pods are there already as may stay on a node: ${there}. One that has to go sooner: panelet retire POD --now.`,
  nodeBusy: (pod: Pod, restart: string): string =>
    `Waits until ${restart} is done on node ${pod.spec?.nodeName ?? ''}, whose gate it shares.`,
  awayFor: (away: readonly string[], limit: number): string => {
    const named = away.slice(0, 3).join('; ');
    const more = away.length > 3 ? ` and ${away.length - 3} more` : '';
    return `Waits: no more than ${countText(limit, 'pod')} may be away, and these are not ready: ${named}${more}.`;
  },
  replaced: (entry: ActivePod, replacement: Pod, resumed: number): RestartEvent => {
    const expected = entry.receipt?.checkpointed ?? 0;
    const sessions =
      expected === 0 ? 'no session had to be restored' : `${resumed} of ${countText(expected, 'session')} restored`;
    return {
      type: 'Normal',
      reason: 'Replaced',
      action: 'Verify',
      text: `Pod ${replacement.metadata.name} took the place of ${entry.pod} and serves; ${sessions}.`,
    };
  },
  released: (pod: Pod, why: string): RestartEvent => ({
    type: 'Normal',
    reason: 'Uncordoned',
    action: 'Uncordon',
    text: `Uncordoned ${where(pod)}: ${why}`,
  }),
  failed: (failure: FailedPod): RestartEvent => ({
    type: 'Warning',
    reason: failure.reason,
    action: 'Restart',
    text: `Pod ${failure.pod} failed. ${failure.message ?? ''}`,
  }),
  /** Why a gate that answers is not drained at its deadline. One that has called its drain off names no holders any more. */
  timeoutCause: (pod: Pod, status: GateStatus, seen: LateDrain): { reason: string; message: string } => {
    const name = pod.metadata.name;
    if (seen.foreign) return { reason: 'GateBusy', message: `Pod ${name}: ${events.foreignCordon(status)}` };
    const now = holderTexts(status);
    const holders = now.length === 0 ? seen.before : now;
    const held = holders.length === 0 ? '' : ` Held by: ${holders.join('; ')}.`;
    const message = `Pod ${name} was not drained in time; ${countText(seen.unsafe, 'session')} not safe.${held}`;
    return { reason: 'DrainTimeout', message };
  },
  foreignCordon: (status: GateStatus): string =>
    `The gate is held by another restart (${status.restartUid}); uncordon it or wait for its lease to run out.`,
};
