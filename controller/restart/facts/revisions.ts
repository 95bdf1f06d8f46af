import type { ControllerRevision, DaemonSet, KubeObject, Pod } from '#kube/objects.js';
import { rolloutRevisionAnnotation } from '../api/annotations.js';
import { parseCounted } from '../api/counted-value.js';
import type { PanelRestart } from '../api/panel-restart.js';

/** Label of pods and revisions by which Kubernetes tells templates apart. */
const hashLabel = 'controller-revision-hash';

/** A template of a DaemonSet. */
export interface Revision {
  /** Rises with every change, an undo too. */
  readonly revision: number;
  /** The template's hash; the same again after an undo. */
  readonly hash: string;
}

/** Hash of the template that an object was made from. */
export function templateHashOf(object: KubeObject): string | undefined {
  return object.metadata.labels?.[hashLabel];
}

/**
 * The template that a DaemonSet has now: the revision of the highest number. Never by age or name, because an undo
 * raises the number of an old object.
 */
export function newestRevisionOf(revisions: readonly ControllerRevision[]): Revision | undefined {
  let newest: Revision | undefined;
  for (const candidate of revisions) {
    const hash = templateHashOf(candidate);
    if (hash === undefined || candidate.revision <= (newest?.revision ?? 0)) continue;
    newest = { revision: candidate.revision, hash };
  }
  return newest;
}

/**
 * Pods with another template than the newest. A pod whose template is not among the revisions is newer than what is
 * known of them: then none is said to be stale yet.
 */
export function stalePods(pods: readonly Pod[], revisions: readonly ControllerRevision[], newest: Revision): Pod[] {
  const known = new Set(revisions.map(templateHashOf));
  const live = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const stale = live.filter((pod) => templateHashOf(pod) !== newest.hash);
  const isKnown = (pod: Pod): boolean => templateHashOf(pod) === undefined || known.has(templateHashOf(pod));
  return stale.every(isKnown) ? stale : [];
}

/** The template that a restart rolls out; undefined for one that was asked for otherwise. */
export function rolloutOf(restart: PanelRestart): Revision | undefined {
  const counted = parseCounted(restart.metadata.annotations?.[rolloutRevisionAnnotation]);
  return counted === undefined ? undefined : { revision: counted.counter, hash: counted.value };
}

/** A revision as annotations have it. */
export function revisionText({ revision, hash }: Revision): string {
  return `${revision}:${hash}`;
}

/** True for a DaemonSet whose pods are only replaced when somebody deletes them. */
export function isOnDelete(target: DaemonSet | undefined): boolean {
  return target?.spec?.updateStrategy?.type === 'OnDelete';
}
