import { State } from '#proto/gate/v1/gate.js';

import type { Pod } from '../kube/objects.js';
import { createdMs, isPodReady, isTerminating, readySinceMs, uidOf } from './pod-facts.js';
import { resumedOf } from './receipts.js';
import { gateStateName } from './sentences.js';
import type { Settings } from './settings.js';
import type { ActivePod } from './types.js';
import type { World } from './world.js';

/** A pod under way that is gone or going. */
export interface KilledCase {
  readonly world: World;
  readonly settings: Settings;
  readonly entry: ActivePod;
  /** The old pod while it still goes. */
  readonly pod: Pod | undefined;
}

/** What a replacement still lacks; `missing` is not set when it lacks nothing. */
export interface Verdict {
  readonly missing?: { readonly reason: string; readonly message: string };
  /** Sessions that it restored. */
  readonly resumed: number;
  /** When the answer changes by itself, in milliseconds from now. */
  readonly wakeMs?: number;
  /** True when only its gate can tell. */
  readonly ask?: boolean;
}

/** The pod that took the place of one that was killed: on the same node, with another uid, the youngest. */
export function replacementOf(world: World, entry: ActivePod): Pod | undefined {
  return world.pods
    .filter((pod) => uidOf(pod) !== entry.uid && pod.spec?.nodeName === entry.node && !isTerminating(pod))
    .sort((a, b) => createdMs(b) - createdMs(a))[0];
}

function notReady(message: string, rest: Omit<Verdict, 'missing' | 'resumed'> = {}): Verdict {
  return { missing: { reason: 'ReplacementNotReady', message }, resumed: 0, ...rest };
}

/** Judges a replacement: ready, serving, and with every session that was checkpointed and has not ended since. */
export function verdictOn({ world, settings, entry }: KilledCase, pod: Pod | undefined): Verdict {
  if (pod === undefined) return notReady(`No pod has taken the place of ${entry.pod} yet.`);
  const name = pod.metadata.name;
  if (!isPodReady(pod)) return notReady(`Pod ${name}, which takes the place of ${entry.pod}, is not ready.`);
  const view = world.gates.get(uidOf(pod));
  if (view?.kind !== 'answered') {
    const text = view?.message ?? 'it has not been asked yet';
    return notReady(`The gate of pod ${name} does not answer: ${text}`, { ask: true });
  }
  if (view.status.state !== State.SERVING) {
    return notReady(`The gate of pod ${name} is ${gateStateName(view.status.state)}, not SERVING.`, { ask: true });
  }
  const counts = resumedOf(view.status, entry.receipt?.checkpointed ?? 0);
  if (counts.missing > 0) {
    const message = `Pod ${name} has restored ${counts.resumed} of ${counts.expected} checkpointed sessions.`;
    return { missing: { reason: 'SessionsNotRestored', message }, resumed: counts.resumed, ask: true };
  }
  const readyInMs = readySinceMs(pod) + settings.minReadyMs - world.now.getTime();
  if (settings.minReadyMs > 0 && readyInMs > 0) {
    return notReady(`Pod ${name} has to be ready a little longer.`, { wakeMs: readyInMs });
  }
  return { resumed: counts.resumed };
}
