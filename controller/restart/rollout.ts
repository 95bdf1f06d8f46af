import type { ControllerRevision, DaemonSet, Pod } from '../kube/objects.js';
import { rolloutAnnotation, rolloutObservedAnnotation, rolloutRevisionAnnotation } from './annotations.js';
import { restartFor, type Request } from './request.js';
import { restartOptionsOf } from './restart-options.js';
import { isOnDelete, newestRevisionOf, revisionText, stalePods } from './revisions.js';

/** True for a target whose changed pod template the controller rolls out. */
export function isManaged(target: DaemonSet): boolean {
  return target.metadata.annotations?.[rolloutAnnotation] === 'managed';
}

/**
 * Derives the restart that a target's changed pod template asks for: one for each revision, whatever became of it. Its
 * options are those of requests by annotation; the reason is the template.
 */
export function rolloutRequestOf(
  target: DaemonSet,
  pods: readonly Pod[],
  revisions: readonly ControllerRevision[],
): Request {
  const newest = newestRevisionOf(revisions);
  if (!isManaged(target) || newest === undefined) return { kind: 'none' };
  if (target.metadata.annotations?.[rolloutObservedAnnotation] === revisionText(newest)) return { kind: 'none' };
  if (stalePods(pods, revisions, newest).length === 0) return { kind: 'none' };
  if (!isOnDelete(target)) {
    return { kind: 'wrong', message: 'Kubernetes rolls it out itself. Set spec.updateStrategy.type to OnDelete.' };
  }
  const options = restartOptionsOf(target);
  if (options.kind === 'wrong') return { kind: 'wrong', message: options.problems.join(' ') };
  const reason = `a changed pod template, revision ${newest.revision}`;
  const restart = restartFor(target, {
    suffix: `r${newest.revision}`,
    annotations: { [rolloutRevisionAnnotation]: revisionText(newest) },
    spec: { ...options.spec, reason },
  });
  return { kind: 'restart', restart };
}
