import { countText } from '#common/count-text.js';
import { timestamp } from '#common/time/clock.js';
import type { Pod } from '#kube/objects.js';
import { Target } from '#proto/gate/v1/gate.js';
import { events } from '../api/events.js';
import { claimOf } from '../api/annotations.js';
import { isFinished, type ActivePod } from '../api/panel-restart.js';
import { retireAtOf, retirementFrom } from '../api/retirement.js';
import type { Settings } from '../api/settings.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import type { RetiringPod } from '../facts/retiring-list.js';
import { maxSurgeOf } from './outstanding-pods.js';
import { hostSessions, withStep, type PodOutcome } from './pod-outcome.js';
import { reopenOwn, type SurgeCase } from './surge-case.js';
import type { Action, Snapshot } from './snapshot.js';

/** Whether the sessions of a pod stay where they are when its replacement serves; undefined while its gate has not been asked. */
export function canRetire(snapshot: Snapshot, settings: Settings, pod: Pod): boolean | undefined {
  if (settings.gateTarget !== Target.HOST || settings.retireTimeoutMs === 0) return false;
  if (!snapshot.gates.has(uidOf(pod))) return undefined;
  return hostSessions(snapshot, pod) !== undefined;
}

/** Pods that retire, each with its node, its sessions and its end; the first five. */
export function retiringText(retiring: readonly RetiringPod[]): string {
  const texts = retiring.slice(0, 5).map(({ pod, sessions }) => {
    const count = sessions === undefined ? '' : `, ${countText(sessions, 'session')}`;
    return `${pod.metadata.name} on ${pod.spec?.nodeName ?? 'no node'} (${untilText(pod)}${count})`;
  });
  const more = retiring.length > texts.length ? `; and ${retiring.length - texts.length} more` : '';
  return `${texts.join('; ')}${more}`;
}

function atTheLatest(ms: number): string {
  return `until ${timestamp(new Date(ms))} at the latest`;
}

function untilText(pod: Pod): string {
  const until = retireAtOf(pod);
  switch (until.kind) {
    case 'at':
      return atTheLatest(until.ms);
    case 'never':
      return 'as long as it has sessions';
    case 'unclear':
      return `as long as it has sessions, for ${JSON.stringify(until.text)} is no time`;
  }
}

/** A pod whose replacement serves: its sessions stay there. That it is about to is on record before it is done, so that it is counted. */
export function retire(c: SurgeCase, entry: ActivePod, sessions: number): PodOutcome {
  const { snapshot } = c;
  const next = withStep(snapshot.now, entry, 'Retiring', { sessions });
  return entry.step === 'Retiring' ? { entry: next, actions: retireActions(c, sessions) } : { entry: next };
}

/** The same at once, where nobody counts. */
export function retireActions({ snapshot, settings, pod }: SurgeCase, sessions: number): readonly Action[] {
  const { restart, target, now } = snapshot;
  const untilMs = now.getTime() + settings.retireTimeoutMs;
  const until = Number.isFinite(untilMs) ? atTheLatest(untilMs) : 'without a limit';
  const of = target ?? { metadata: { name: restart.spec.targetRef.name } };
  const retirement = retirementFrom(of, uidOf(restart));
  const event = events.retired(pod, until, sessions);
  return [...reopenOwn(snapshot, pod), { kind: 'retire', pod, retirement, untilMs, event }];
}

/** What becomes of a pod under way that retires now: it is replaced, and its sessions live on. */
export function retiredOutcome(entry: ActivePod): PodOutcome {
  return { done: { entry: { ...entry, receipt: { kept: entry.sessions ?? 0 } }, resumed: 0, lost: 0 } };
}

/** Hosts that come next, as far as anything but their gates tells: as many as may have their replacement beside them at once. */
export function nextHosts(snapshot: Omit<Snapshot, 'gates'>, settings: Settings): readonly Pod[] {
  const { restart, pods, outstanding, rivals, busyNodes } = snapshot;
  if (isFinished(restart) || isTerminating(restart) || restart.spec.paused === true) return [];
  const places = maxSurgeOf(settings.maxSurge, pods.size) - pods.claimedBy(uidOf(restart)).length;
  const others = new Set(rivals.map(uidOf));
  const isFree = (pod: Pod): boolean =>
    !others.has(claimOf(pod)?.restart ?? '') &&
    !busyNodes.has(pod.spec?.nodeName ?? '') &&
    snapshot.retiring.beside(pod).length < settings.maxRetiring;
  const next: Pod[] = [];
  for (const pod of outstanding) {
    if (next.length >= places) break;
    if (isFree(pod)) next.push(pod);
  }
  return next;
}
