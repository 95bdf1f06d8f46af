import type { Log } from '#common/log.js';
import { isFields, textAt, valueAt } from './json-copy.js';
import type { AnyObject } from './kube-object.js';
import type { ObjectStore } from './object-store.js';
import { forbidden } from './refusals.js';
import type { ResourceKind } from './resource-kind.js';
import { isStatusError } from './status-error.js';

/** What a ResourceQuota of the dev cluster may limit: pods that are not over, and all pods. */
export const quotaResources = ['pods', 'count/pods'] as const;

type QuotaResource = (typeof quotaResources)[number];

function isOver(pod: AnyObject): boolean {
  return ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
}

function hardOf(quota: AnyObject, resource: QuotaResource): number | undefined {
  const limit = valueAt(quota, 'spec', 'hard', resource);
  return limit === undefined ? undefined : Number(limit);
}

function usedIn(store: ObjectStore, ns: string): Readonly<Record<QuotaResource, number>> {
  const { items } = store.list<AnyObject>('pods', { ns });
  return { pods: items.filter((pod) => !isOver(pod)).length, 'count/pods': items.length };
}

/** Refuses a pod that is one more than a quota of its namespace allows. @throws StatusError Forbidden. */
export function refuseOverQuota(store: ObjectStore, kind: ResourceKind, object: AnyObject): void {
  const { name, namespace } = object.metadata;
  if (kind.plural !== 'pods' || namespace === undefined) return;
  for (const quota of store.list<AnyObject>('resourcequotas', { ns: namespace }).items) {
    const used = usedIn(store, namespace);
    const exceeded = quotaResources.filter((resource) => used[resource] + 1 > (hardOf(quota, resource) ?? Infinity));
    if (exceeded.length === 0) continue;
    const tell = (amount: (resource: QuotaResource) => number | undefined): string =>
      [...exceeded]
        .sort()
        .map((resource) => `${resource}=${amount(resource) ?? ''}`)
        .join(',');
    const limited = tell((resource) => hardOf(quota, resource));
    const counts = `requested: ${tell(() => 1)}, used: ${tell((resource) => used[resource])}, limited: ${limited}`;
    throw forbidden(kind, name, `exceeded quota: ${quota.metadata.name}, ${counts}`);
  }
}

/**
 * Keeps the status of quotas: what they allow, and what is used of it.
 * @returns a function that ends it.
 */
export function startQuotaStatus({ store, log }: { readonly store: ObjectStore; readonly log: Log }): () => void {
  const write = (quota: AnyObject): void => {
    const { name, namespace: ns = '' } = quota.metadata;
    const used = usedIn(store, ns);
    const change = (stored: AnyObject): void => {
      const hard = valueAt(stored, 'spec', 'hard');
      const limits = isFields(hard) ? hard : {};
      const limited = quotaResources.filter((resource) => limits[resource] !== undefined);
      const counted = limited.map((resource) => [resource, String(used[resource])] as const);
      stored['status'] = { hard: limits, used: Object.fromEntries(counted) as Record<string, string> };
    };
    store.mutate<AnyObject>('resourcequotas', { ns, name }, change, { subresource: 'status' }).catch((err: unknown) => {
      if (!isStatusError(err)) log.error({ err }, 'Quota not written');
    });
  };
  const writeAll = (ns: string | undefined): void => {
    const { items } = store.list<AnyObject>('resourcequotas', ns === undefined ? {} : { ns });
    for (const quota of items) write(quota);
  };
  writeAll(undefined);
  const stops = [
    store.watch<AnyObject>('resourcequotas', {}, ({ type, object }) => {
      if (type !== 'DELETED') write(object);
    }),
    store.watch<AnyObject>('pods', {}, ({ object }) => writeAll(object.metadata.namespace)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
