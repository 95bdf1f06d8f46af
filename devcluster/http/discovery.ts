import { createHash } from 'node:crypto';
import type { ServedKind } from '../kinds/served-kind.js';
import { apiVersionOf } from '../store/resource-kind.js';

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
// The real server lists those of custom resources in another order.
const customVerbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
function verbsOf(served: ServedKind): string[] {
  if (served.isCustom) return customVerbs;
  if (served.isReview) return ['create'];
  return served.kind.readOnly ? allVerbs.filter((verb) => ['get', 'list', 'watch'].includes(verb)) : allVerbs;
}

/** Tells clients when objects are stored in another form; computed as k8s.io/apiserver does. */
function storageHash({ kind }: ServedKind): string {
  const { group, version } = kind.kind === 'Event' ? { group: '', version: 'v1' } : kind;
  return createHash('sha256').update(`${group}/${version}/${kind.kind}`).digest().subarray(0, 8).toString('base64');
}

/** What a subresource is called and what it takes. */
interface Subresource {
  readonly name: string;
  readonly verbs: readonly string[];
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

function subresourcesOf(served: ServedKind): Subresource[] {
  const { group, version, kind, hasStatus } = served.kind;
  const status = { name: 'status', verbs: ['get', 'patch', 'update'], group, version, kind };
  const others: Readonly<Record<string, Subresource>> = {
    log: { name: 'log', verbs: ['get'], group, version, kind },
    token: { name: 'token', verbs: ['create'], group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    eviction: { name: 'eviction', verbs: ['create'], group: 'policy', version: 'v1', kind: 'Eviction' },
  };
  return [...(hasStatus ? [status] : []), ...served.subresources.flatMap((name) => others[name] ?? [])];
}

/** `/api/v1`, `/apis/apps/v1`: the resources of one group and version. */
export function describeResources(kinds: readonly ServedKind[], group: string, version: string): object | undefined {
  const inside = kinds.filter(({ kind }) => kind.group === group && kind.version === version);
  if (inside.length === 0) return undefined;
  const resources = inside.flatMap((served) => {
    const { kind } = served;
    const self = {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: verbsOf(served),
      ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
      ...(served.isReview ? {} : { storageVersionHash: storageHash(served) }),
    };
    const parts = subresourcesOf(served).map((part) => ({
      name: `${kind.plural}/${part.name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(part.group === group ? {} : { group: part.group, version: part.version }),
      kind: part.kind,
      verbs: part.verbs,
    }));
    return [self, ...parts];
  });
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf({ group, version }), resources };
}

const groupsOf = (kinds: readonly ServedKind[]): Map<string, string> =>
  new Map(kinds.filter(({ kind }) => kind.group !== '').map(({ kind }) => [kind.group, kind.version]));

function describeOneGroup(group: string, version: string): object {
  const choice = { groupVersion: `${group}/${version}`, version };
  return { name: group, versions: [choice], preferredVersion: choice };
}

/** `/apis/apps`: the versions of one group. */
export function describeGroup(kinds: readonly ServedKind[], group: string): object | undefined {
  const version = groupsOf(kinds).get(group);
  if (version === undefined) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...describeOneGroup(group, version) };
}

/** `/apis`: every group. */
export function describeGroups(kinds: readonly ServedKind[]): object {
  const groups = [...groupsOf(kinds)].map(([group, version]) => describeOneGroup(group, version));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** `/api`: the versions of the core group. */
export function describeCore(address: string): object {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
  };
}

/** `/api` or `/apis` in the form that tells everything at once (APIGroupDiscoveryList of apidiscovery.k8s.io/v2). */
export function describeEverything(kinds: readonly ServedKind[], isCore: boolean): object {
  const groups = isCore ? [['', 'v1'] as const] : [...groupsOf(kinds)];
  const items = groups.map(([group, version]) => {
    const resources = kinds
      .filter(({ kind }) => kind.group === group && kind.version === version)
      .map((served) => {
        const { kind } = served;
        const subresources = subresourcesOf(served).map((part) => ({
          subresource: part.name,
          responseKind: { group: part.group, version: part.version, kind: part.kind },
          verbs: part.verbs,
        }));
        return {
          resource: kind.plural,
          responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
          scope: kind.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: kind.singular,
          verbs: verbsOf(served),
          ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
          ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
          ...(subresources.length === 0 ? {} : { subresources }),
        };
      });
    return {
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: [{ version, resources, freshness: 'Current' }],
    };
  });
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

/** Content type of {@link describeEverything}, by which clients know it. */
export const everythingContentType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
