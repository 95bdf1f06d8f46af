import { createHash } from 'node:crypto';

import type { DaemonSet } from '../kube/objects.js';
import { observedAnnotation, requestedAnnotation, restartAnnotation } from './annotations.js';
import { timeMs, uidOf } from './pod-facts.js';
import { restartOptionsOf } from './restart-options.js';
import { parseCounted } from './standing.js';
import type { PanelRestart } from './types.js';

/** What the annotations of a target ask for. */
export type Request =
  /** Nothing that was not taken up before. */
  | { readonly kind: 'none' }
  | { readonly kind: 'wrong'; readonly message: string }
  /** A restart, always the same object for the same place in the count. */
  | { readonly kind: 'restart'; readonly restart: PanelRestart };

/** Finished restarts by annotation stay for a week. */
const keepSeconds = 7 * 86_400;

/** Values beyond this are compared by their digest. */
const longestValue = 200;

/** A value as it is remembered. */
export function canonicalValue(value: string): string {
  return value.length <= longestValue ? value : `sha256-${createHash('sha256').update(value).digest('hex')}`;
}

/** Name of the restart at a place in a target's count; the target's uid is in it, so that a namesake has others. */
export function restartNameOf(target: DaemonSet, counter: number): string {
  const mark = createHash('sha256').update(uidOf(target)).digest('hex').slice(0, 5);
  return `${target.metadata.name.slice(0, 200)}-${mark}-${counter}`;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function notBeforeOf(value: string, now: Date): string | undefined {
  const dueMs = rfc3339.test(value) ? timeMs(value) : undefined;
  if (dueMs === undefined || dueMs <= now.getTime()) return undefined;
  return new Date(dueMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/**
 * Derives the restart that a target's annotations ask for. The value is compared with the one taken up last, so that
 * the same value never restarts twice in a row and A, B, A restarts three times.
 */
export function requestOf(target: DaemonSet, now: Date): Request {
  const annotations = target.metadata.annotations ?? {};
  const asked = annotations[restartAnnotation];
  if (asked === undefined || asked === '') return { kind: 'none' };
  const observed = parseCounted(annotations[observedAnnotation]);
  const value = canonicalValue(asked);
  if (observed?.value === value) return { kind: 'none' };
  const options = restartOptionsOf(target);
  if (options.kind === 'wrong') return { kind: 'wrong', message: options.problems.join(' ') };
  const counter = (observed?.counter ?? 0) + 1;
  const notBefore = notBeforeOf(asked, now);
  const { namespace, name } = target.metadata;
  const restart: PanelRestart = {
    apiVersion: 'panelet.dev/v1alpha1',
    kind: 'PanelRestart',
    metadata: {
      name: restartNameOf(target, counter),
      ...(namespace === undefined ? {} : { namespace }),
      annotations: { [requestedAnnotation]: `${counter}:${value}` },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid: uidOf(target) }],
    },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'DaemonSet', name },
      ...options.spec,
      ...(notBefore === undefined ? {} : { notBefore }),
      ttlSecondsAfterFinished: keepSeconds,
    },
  };
  return { kind: 'restart', restart };
}
