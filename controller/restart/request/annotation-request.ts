import { timestamp } from '#common/time/clock.js';
import { createHash } from 'node:crypto';

import type { DaemonSet } from '#kube/objects.js';
import {
  observedAnnotation,
  requestedAnnotation,
  requestedByAnnotation,
  restartAnnotation,
} from '../api/annotations.js';
import { askedTime } from './asked-time.js';
import { uidOf } from '../facts/pods.js';
import { restartOptionsOf } from '../api/options.js';
import { parseCounted } from '../api/counted-value.js';
import type { PanelRestart, PanelRestartSpec } from '../api/panel-restart.js';

/** What the annotations of a target ask for. */
export type Request =
  /** Nothing that was not taken up before. */
  | { readonly kind: 'none' }
  | { readonly kind: 'wrong'; readonly message: string }
  /** A restart, always the same object for the same place in the count. */
  | { readonly kind: 'restart'; readonly restart: PanelRestart };

/** Finished restarts that a target asked for stay for a week. */
const keepSeconds = 7 * 86_400;

/** Values beyond this are compared by their digest. */
const longestValue = 200;

/** A value as it is remembered. */
export function canonicalValue(value: string): string {
  return value.length <= longestValue ? value : `sha256-${createHash('sha256').update(value).digest('hex')}`;
}

/** What a restart that a target asks for has of its own. */
export interface RestartParts {
  /** End of its name, which follows from the request. */
  readonly suffix: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Omit<PanelRestartSpec, 'targetRef'>;
}

/** A restart that a target asks for; the target's uid is in its name, so that a namesake's have others. */
export function restartFor(target: DaemonSet, { suffix, annotations, spec }: RestartParts): PanelRestart {
  const { namespace, name } = target.metadata;
  const mark = createHash('sha256').update(uidOf(target)).digest('hex').slice(0, 5);
  const requestedBy = target.metadata.annotations?.[requestedByAnnotation];
  return {
    apiVersion: 'panelet.dev/v1alpha1',
    kind: 'PanelRestart',
    metadata: {
      name: `${name.slice(0, 200)}-${mark}-${suffix}`,
      ...(namespace === undefined ? {} : { namespace }),
      annotations: { ...annotations, ...(requestedBy === undefined ? {} : { [requestedByAnnotation]: requestedBy }) },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid: uidOf(target) }],
    },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'DaemonSet', name },
      ...spec,
      ttlSecondsAfterFinished: keepSeconds,
    },
  };
}

const unclearTime = (value: string): string =>
  `Annotation ${restartAnnotation} is ${JSON.stringify(value.slice(0, 100))}, which looks like a time and is none that is understood, so nothing is restarted. ` +
  'Give a time as 2027-01-31T03:00:00Z or with its offset, 2027-01-31T03:00:00+01:00; for a restart now, any other new value, such as the output of `date +%s`.';

function notBefore(ms: number): Pick<PanelRestartSpec, 'notBefore'> {
  return { notBefore: timestamp(new Date(ms)) };
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
  const time = askedTime(asked, now.getTime());
  const problems = [
    ...(time.kind === 'unclear' ? [unclearTime(asked)] : []),
    ...(options.kind === 'wrong' ? options.problems : []),
  ];
  if (options.kind === 'wrong' || problems.length > 0) return { kind: 'wrong', message: problems.join(' ') };
  const counter = (observed?.counter ?? 0) + 1;
  const restart = restartFor(target, {
    suffix: String(counter),
    annotations: { [requestedAnnotation]: `${counter}:${value}` },
    spec: { ...options.spec, ...(time.kind === 'at' && time.ms > now.getTime() ? notBefore(time.ms) : {}) },
  });
  return { kind: 'restart', restart };
}
