import type { Clock } from '#common/time/clock.js';
import { timestampOf } from './admission.js';
import { copyOf, valueAt } from './json-copy.js';
import type { AnyObject } from './kube-object.js';
import type { DeleteOptions } from './object-store.js';
import { conflict } from './refusals.js';
import type { ResourceKind } from './resource-kind.js';
import type { StatusError } from './status-error.js';

/** What a deletion does to an object: nothing, a mark, or the end. */
export type DeletionStep =
  { readonly kind: 'remove' | 'mark'; readonly object: AnyObject } | { readonly kind: 'unchanged' };

/** A conflict that names the kind instead of the resource, as the real server does for preconditions. */
const preconditionFailed = (kind: ResourceKind, name: string, why: string): StatusError =>
  conflict({ ...kind, plural: kind.kind }, name, why);

/** @throws StatusError Conflict when uid or resource version are not those of the stored object. */
export function checkPreconditions(kind: ResourceKind, object: AnyObject, options: DeleteOptions): void {
  const { name, uid = '', resourceVersion = '' } = object.metadata;
  if (options.uid !== undefined && options.uid !== uid) {
    const why = `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw preconditionFailed(kind, name, why);
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw preconditionFailed(kind, name, why);
  }
}

/** True when something holds a deleted object: a finalizer, or a namespace's own one in its spec. */
export function isHeld(object: AnyObject): boolean {
  const own = object.kind === 'Namespace' ? valueAt(object, 'spec', 'finalizers') : undefined;
  return (object.metadata.finalizers ?? []).length > 0 || (Array.isArray(own) && own.length > 0);
}

const finalizerOf: Readonly<Record<string, string | undefined>> = {
  Foreground: 'foregroundDeletion',
  Orphan: 'orphan',
};

function withPropagation(object: AnyObject, options: DeleteOptions): AnyObject {
  const next = copyOf(object);
  const finalizer = finalizerOf[options.propagationPolicy ?? 'Background'];
  if (finalizer !== undefined)
    next.metadata.finalizers = [...new Set([...(next.metadata.finalizers ?? []), finalizer])];
  return next;
}

function mark(object: AnyObject, graceSeconds: number, clock: Clock): DeletionStep {
  const isFirst = object.metadata.deletionTimestamp === undefined;
  if (isFirst && object.metadata.generation !== undefined) object.metadata.generation += 1;
  object.metadata.deletionTimestamp = timestampOf(clock, graceSeconds);
  object.metadata.deletionGracePeriodSeconds = graceSeconds;
  if (object.kind === 'Namespace') object['status'] = { ...(object['status'] as object), phase: 'Terminating' };
  return { kind: 'mark', object };
}

/** Pods tell even in their last state that their time is over. */
function remove(kind: ResourceKind, object: AnyObject, clock: Clock): DeletionStep {
  if (kind.plural !== 'pods') return { kind: 'remove', object };
  const metadata = { ...object.metadata, deletionTimestamp: timestampOf(clock), deletionGracePeriodSeconds: 0 };
  return { kind: 'remove', object: { ...object, metadata } };
}

/** What is to be done with an object somebody asked to delete. A later request may shorten a grace period, never lengthen it. */
export function planDeletion(
  kind: ResourceKind,
  stored: AnyObject,
  options: DeleteOptions,
  clock: Clock,
): DeletionStep {
  const object = withPropagation(stored, options);
  const graceSeconds = kind.graceSeconds(object, options.gracePeriodSeconds);
  const before = stored.metadata.deletionGracePeriodSeconds;
  if (stored.metadata.deletionTimestamp !== undefined && before !== undefined) {
    if (graceSeconds === 0 && !isHeld(object)) return remove(kind, object, clock);
    if (options.gracePeriodSeconds === undefined || graceSeconds >= before) return { kind: 'unchanged' };
    return mark(object, graceSeconds, clock);
  }
  if (graceSeconds === 0 && !isHeld(object)) return remove(kind, object, clock);
  return mark(object, graceSeconds, clock);
}

/** True when an update has removed the last thing that held a deleted object. */
export function isReleased(object: AnyObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) === 0 && !isHeld(object);
}

/** Seconds a pod gets to end: none when it has no node or has ended already. */
export function podGraceSeconds(pod: AnyObject, requestedSeconds: number | undefined): number {
  const phase = valueAt(pod, 'status', 'phase');
  if (requestedSeconds === 0 || phase === 'Succeeded' || phase === 'Failed') return 0;
  const node = valueAt(pod, 'spec', 'nodeName');
  if (node === undefined || node === '') return 0;
  if (requestedSeconds !== undefined) return Math.max(1, requestedSeconds);
  const own = valueAt(pod, 'spec', 'terminationGracePeriodSeconds');
  return typeof own === 'number' ? own : 30;
}
