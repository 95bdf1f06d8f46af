import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { pods, type KubeApi, type ObjectKey, type Preconditions, type Resource } from '#kube/api.js';
import type { KubeList, KubeObject, Pod } from '#kube/objects.js';

/** A write that took effect. */
export interface Write {
  readonly verb: 'create' | 'patch' | 'patchStatus' | 'patchApproval' | 'delete' | 'evict';
  readonly plural: string;
  readonly name: string;
  readonly uid: string;
}

/** An API server in memory: resource versions, preconditions, finalizers, graceful deletion of pods. */
export interface FakeKube extends KubeApi {
  /** Writes by the controller that took effect, in order. */
  readonly writes: Write[];
  /** Called with each delete before it takes effect. */
  onDelete: (resource: Resource<KubeObject>, object: KubeObject) => void;
  /** Budgets refuse evictions as long as this says so. */
  refusesEviction: (pod: Pod) => boolean;
  /** Called after every change, with the object as it is, or was last. */
  onChange: (resource: Resource<KubeObject>, object: KubeObject, how: 'there' | 'gone') => void;
  /** Called like {@link FakeKube.onChange}, for the cluster's own parts. */
  readonly alsoOnChange: FakeKube['onChange'][];
  all<T extends KubeObject>(resource: Resource<T>): T[];
  find<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): T | undefined;
  /** Changes an object as somebody else. */
  mutate<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, change: (object: T) => object): T;
  /** Puts an object there as somebody else. */
  put<T extends KubeObject>(resource: Resource<T>, object: T): T;
  /** Removes an object as somebody else. */
  remove<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): void;
}

type Json = Record<string, unknown>;

function mergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const base = target !== null && typeof target === 'object' && !Array.isArray(target) ? { ...(target as Json) } : {};
  for (const [key, value] of Object.entries(patch as Json)) {
    if (value === undefined) continue;
    if (value === null) Reflect.deleteProperty(base, key);
    else base[key] = mergePatch(base[key], value);
  }
  return base;
}

function textOf({ namespace, name }: ObjectKey): string {
  return `${namespace ?? ''}/${name}`;
}

/** Starts empty. Creation times are whole seconds, as on a real server. */
export function createFakeKube(clock: Clock): FakeKube {
  const kinds = new Map<string, Map<string, KubeObject>>();
  const writes: Write[] = [];
  let version = 0;
  const bucket = (plural: string): Map<string, KubeObject> => {
    const known = kinds.get(plural) ?? new Map<string, KubeObject>();
    kinds.set(plural, known);
    return known;
  };
  const stamp = (): string => new Date(Math.floor(clock.date().getTime() / 1000) * 1000).toISOString();
  const known = <T extends KubeObject>(resource: Resource<T>, key: ObjectKey): T => {
    const object = bucket(resource.plural).get(textOf(key));
    if (object === undefined) throw new PaneletError('API_NOT_FOUND', `${resource.plural} ${key.name} not found`);
    return object as T;
  };
  const save = <T extends KubeObject>(resource: Resource<T>, object: T): T => {
    const saved = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } };
    const gone = saved.metadata.deletionTimestamp !== undefined && saved.metadata.finalizers?.length === 0;
    if (gone) bucket(resource.plural).delete(textOf(saved.metadata));
    else bucket(resource.plural).set(textOf(saved.metadata), saved);
    tellChange(resource, saved, gone ? 'gone' : 'there');
    return saved;
  };
  const tellChange: FakeKube['onChange'] = (...change) => {
    kube.onChange(...change);
    for (const listener of kube.alsoOnChange) listener(...change);
  };
  const put = <T extends KubeObject>(resource: Resource<T>, object: T): T => {
    const metadata = { uid: `uid-${version + 1}`, creationTimestamp: stamp(), generation: 1, ...object.metadata };
    return save(resource, { ...object, metadata });
  };
  const event = (verb: Write['verb'], resource: Resource<KubeObject>, object: KubeObject): void => {
    writes.push({ verb, plural: resource.plural, name: object.metadata.name, uid: object.metadata.uid ?? '' });
  };
  const mutate = <T extends KubeObject>(resource: Resource<T>, key: ObjectKey, change: (object: T) => object): T => {
    const before = known(resource, key);
    const after = change(before) as T & { spec?: unknown };
    const sameSpec = JSON.stringify((before as { spec?: unknown }).spec) === JSON.stringify(after.spec);
    const generation = (before.metadata.generation ?? 1) + (sameSpec ? 0 : 1);
    return save(resource, { ...after, metadata: { ...after.metadata, generation } });
  };
  const check = (object: KubeObject, uid: unknown, resourceVersion: unknown): void => {
    const { metadata } = object;
    if (uid !== undefined && uid !== metadata.uid) throw new PaneletError('API_CONFLICT', 'another uid');
    if (resourceVersion === undefined || resourceVersion === metadata.resourceVersion) return;
    throw new PaneletError('API_CONFLICT', `${metadata.name} has changed`);
  };
  const patch = async <T extends KubeObject>(
    verb: 'patch' | 'patchStatus' | 'patchApproval',
    resource: Resource<T>,
    key: ObjectKey,
    body: object,
  ): Promise<T> => {
    await Promise.resolve();
    const object = known(resource, key);
    const { metadata, ...rest } = body as { metadata?: Json };
    check(object, metadata?.['uid'], metadata?.['resourceVersion']);
    const effective = verb === 'patch' ? { ...rest, metadata } : rest;
    event(verb, resource, object);
    return mutate(resource, key, (before) => mergePatch(before, effective) as object);
  };
  const kube: FakeKube = {
    writes,
    onDelete: () => undefined,
    refusesEviction: () => false,
    onChange: () => undefined,
    alsoOnChange: [],
    all: (resource) => [...bucket(resource.plural).values()] as never,
    mutate,
    put,
    find: (resource, key) => bucket(resource.plural).get(textOf(key)) as never,
    remove: (resource, key) => {
      const object = known(resource, key);
      bucket(resource.plural).delete(textOf(key));
      tellChange(resource, object, 'gone');
    },
    get: async (resource, key) => {
      await Promise.resolve();
      return known(resource, key);
    },
    list: async <T extends KubeObject>(resource: Resource<T>): Promise<KubeList<T>> => {
      await Promise.resolve();
      return { metadata: { resourceVersion: String(version) }, items: [...bucket(resource.plural).values()] as T[] };
    },
    create: async (resource, object) => {
      await Promise.resolve();
      if (bucket(resource.plural).has(textOf(object.metadata)))
        throw new PaneletError('API_CONFLICT', 'already exists');
      const created = put(resource, object);
      event('create', resource, created);
      return created;
    },
    patch: (resource, key, body) => patch('patch', resource, key, body),
    patchStatus: (resource, key, body) => patch('patchStatus', resource, key, body),
    patchApproval: (resource, key, body) => patch('patchApproval', resource, key, body),
    delete: async <T extends KubeObject>(resource: Resource<T>, key: ObjectKey, conditions: Preconditions) => {
      await Promise.resolve();
      const object = known(resource, key);
      check(object, conditions.uid, conditions.resourceVersion);
      kube.onDelete(resource, object);
      event('delete', resource, object);
      const graceful = resource.plural === 'pods' || (object.metadata.finalizers?.length ?? 0) > 0;
      if (!graceful) {
        kube.remove(resource, key);
        return undefined;
      }
      return mutate(resource, key, (before) => ({
        ...before,
        metadata: { ...before.metadata, deletionTimestamp: before.metadata.deletionTimestamp ?? stamp() },
      }));
    },
    evict: async (key, conditions) => {
      await Promise.resolve();
      const pod = known(pods, key);
      check(pod, conditions.uid, conditions.resourceVersion);
      if (kube.refusesEviction(pod)) throw new PaneletError('DISRUPTION_REFUSED', `${key.name} may not be evicted now`);
      kube.onDelete(pods, pod);
      event('evict', pods, pod);
      mutate(pods, key, (before) => ({
        ...before,
        metadata: { ...before.metadata, deletionTimestamp: before.metadata.deletionTimestamp ?? stamp() },
      }));
    },
    watch: () => Promise.reject(new PaneletError('API_UNAVAILABLE', 'the fake has no watch')),
  };
  return kube;
}
