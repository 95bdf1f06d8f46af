import { createHash } from 'node:crypto';
import { stableText } from '#common/stable-text.js';
import type { StoredOwnerReference } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { revisionLabel, selectorText, type StoredRevision, type StoredDaemonSet } from './daemon-set.js';

/** The templates of one DaemonSet, oldest first. */
export interface Revisions {
  /** Revision of the template as it is now; made, or raised to the newest on an undo. */
  current(set: StoredDaemonSet): Promise<StoredRevision>;
  /** Deletes the oldest revisions that no pod uses, down to the limit. */
  prune(set: StoredDaemonSet, usedHashes: ReadonlySet<string>): Promise<void>;
}

// Letters and digits that spell no word: k8s.io/apimachinery/pkg/util/rand.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const defaultHistoryLimit = 10;

/** The same text for templates that are equal. */
export function canonicalTemplate(set: StoredDaemonSet): string {
  return stableText(set.spec.template);
}

/** Ten safe characters for a template, as the label `controller-revision-hash`. */
export function templateHash(canonical: string): string {
  const digest = createHash('sha256').update(canonical).digest();
  return Array.from(digest.subarray(0, 10), (byte) => alphabet[byte % alphabet.length]).join('');
}

/** Owner reference of what a DaemonSet makes. */
export function ownedBy(set: StoredDaemonSet): StoredOwnerReference {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    name: set.metadata.name,
    uid: set.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

function dataOf(set: StoredDaemonSet): unknown {
  return { spec: { template: { $patch: 'replace', ...set.spec.template } } };
}

/** Revisions in the store. */
export function createRevisions(store: ObjectStore): Revisions {
  const owned = (set: StoredDaemonSet): StoredRevision[] =>
    store
      .list<StoredRevision>('controllerrevisions', {
        ns: set.metadata.namespace ?? '',
        labelSelector: selectorText(set.spec.selector),
      })
      .items.filter((item) => item.metadata.ownerReferences?.some((owner) => owner.uid === set.metadata.uid) === true)
      .sort((a, b) => a.revision - b.revision);

  const create = async (set: StoredDaemonSet, hash: string, revision: number): Promise<StoredRevision> => {
    const name = `${set.metadata.name}-${hash}`;
    const labels = { ...set.spec.template.metadata?.labels, [revisionLabel]: hash };
    const metadata = {
      name,
      namespace: set.metadata.namespace ?? '',
      labels,
      annotations: { ...set.metadata.annotations },
      ownerReferences: [ownedBy(set)],
    };
    try {
      return await store.create<StoredRevision>('controllerrevisions', {
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata,
        data: dataOf(set),
        revision,
      });
    } catch (error) {
      // A set of the same name that is being deleted still owns the name: its revisions go with it.
      if (isStatusError(error, 'AlreadyExists'))
        await store.delete('controllerrevisions', set.metadata.namespace, name);
      throw error;
    }
  };

  return {
    current: async (set) => {
      const hash = templateHash(canonicalTemplate(set));
      const existing = owned(set);
      const newest = existing.at(-1);
      const known = existing.find((item) => item.metadata.labels?.[revisionLabel] === hash);
      if (known === undefined) return create(set, hash, (newest?.revision ?? 0) + 1);
      if (newest === undefined || known.revision === newest.revision) return known;
      const key = { ns: known.metadata.namespace, name: known.metadata.name };
      return store.mutate<StoredRevision>('controllerrevisions', key, (item) => {
        item.revision = newest.revision + 1;
      });
    },
    prune: async (set, usedHashes) => {
      const newestFirst = owned(set).reverse();
      const unused = newestFirst
        .slice(1)
        .filter((item) => !usedHashes.has(item.metadata.labels?.[revisionLabel] ?? ''));
      for (const item of unused.slice(set.spec.revisionHistoryLimit ?? defaultHistoryLimit)) {
        await store.delete('controllerrevisions', item.metadata.namespace, item.metadata.name);
      }
    },
  };
}
