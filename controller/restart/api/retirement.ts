import { timestamp } from '#common/time/clock.js';
import { momentToMs } from '#common/time/moment.js';
import type { KubeObject } from '#kube/objects.js';
import { gateDaemonSetAnnotation, retireAtAnnotation, retirementAnnotation, retiringLabel } from './annotations.js';

/** What is written down at a pod that retires. */
export interface PodRetirement {
  /** Uid of the restart that replaced it. */
  readonly restart: string;
  /** Name of the DaemonSet that it was taken out of. */
  readonly target: string;
  /** Name of the DaemonSet whose pods answer for its gate: the one that it was taken out of may be gone before it. */
  readonly gate?: string;
}

/**
 * True for a pod that was replaced and stays until its last session has ended. Either word is enough: what its gate was told cannot be taken
 * back, so whoever takes the label off does not change that.
 */
export function isRetiring({ metadata }: KubeObject): boolean {
  return metadata.labels?.[retiringLabel] === 'true' || metadata.annotations?.[retirementAnnotation] !== undefined;
}

/** True where all of it is written down: who was to find the pod by one of the two finds it. */
export function isMarkedRetiring(pod: KubeObject): boolean {
  return pod.metadata.labels?.[retiringLabel] === 'true' && retirementOf(pod) !== undefined;
}

/** What a pod that retires says of it; undefined where it does not retire, or that cannot be read. */
export function retirementOf(pod: KubeObject): PodRetirement | undefined {
  const text = pod.metadata.annotations?.[retirementAnnotation];
  if (text === undefined || !isRetiring(pod)) return undefined;
  try {
    const value = JSON.parse(text) as Partial<PodRetirement> | null;
    if (typeof value?.restart !== 'string' || typeof value.target !== 'string') return undefined;
    const { restart, target, gate } = value;
    return { restart, target, ...(typeof gate === 'string' ? { gate } : {}) };
  } catch {
    return undefined;
  }
}

/** What is to be written down at a pod of a DaemonSet that retires. @param restart uid of the restart that replaced it, or empty */
export function retirementFrom({ metadata }: KubeObject, restart: string): PodRetirement {
  const gate = metadata.annotations?.[gateDaemonSetAnnotation];
  return { restart, target: metadata.name, ...(gate === undefined ? {} : { gate }) };
}

/** Until when the sessions of a pod that retires may stay. */
export type RetireAt =
  | { readonly kind: 'at'; readonly ms: number }
  | { readonly kind: 'never' }
  /** Somebody wrote what is no time: nothing is ended for that. */
  | { readonly kind: 'unclear'; readonly text: string };

/** What stands for no limit. */
export const neverText = 'never';

/** Reads the annotation that says until when; without it there is no limit. */
export function retireAtOf({ metadata }: KubeObject): RetireAt {
  const text = metadata.annotations?.[retireAtAnnotation];
  if (text === undefined || text === neverText) return { kind: 'never' };
  const ms = momentToMs(text);
  return ms === undefined ? { kind: 'unclear', text: text.slice(0, 40) } : { kind: 'at', ms };
}

/** As the annotation has it. @param atMs milliseconds since the epoch; infinite for no limit */
export function retireAtText(atMs: number): string {
  return Number.isFinite(atMs) ? timestamp(new Date(atMs)) : neverText;
}
